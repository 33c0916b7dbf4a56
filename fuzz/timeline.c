/* The timeline and the measure of transport: any chunks and timestamps, missing ones too. */
#include "fuzz.h"
#include "vb_timeline.h"
#include "vb_transport.h"

#define STAMP_MOST 9007199254740991.0
#define CHUNK_MOST (((int64_t)1 << 62) - 1)

static int64_t chunk_after(input *in, int64_t chunk) {
    static const int64_t corners[] = {0, 1, 65535, 65536, 4294967295, 4294967296, -1, -CHUNK_MOST};
    switch (take(in, 1) & 7) {
    case 0:
    case 1:
    case 2:
        return chunk < CHUNK_MOST ? chunk + 1 : 0;
    case 3:
        return chunk / 2 + (int8_t)take(in, 1);
    case 4:
        return chunk / 2 + (int16_t)take(in, 2);
    case 5:
        return (int64_t)take(in, 8) % CHUNK_MOST;
    case 6:
        return corners[take(in, 1) & 7];
    default:
        return chunk;
    }
}

static double stamp_after(input *in, double stamp, double length_ms) {
    static const double corners[] = {0.0, 4294967295.0, 4294967296.0, -1.0, STAMP_MOST, -STAMP_MOST, 0.1, 1e-300};
    switch (take(in, 1) & 7) {
    case 0:
    case 1:
        stamp += length_ms;
        break;
    case 2:
        stamp += (double)(int8_t)take(in, 1);
        break;
    case 3:
        stamp += (double)(int16_t)take(in, 2);
        break;
    case 4:
        stamp = (double)(int64_t)take(in, 8) / 1024.0;
        break;
    case 5:
        stamp += (double)(int32_t)take(in, 4) / 256.0;
        break;
    case 6:
        stamp = corners[take(in, 1) & 7];
        break;
    default:
        break;
    }
    return fabs(stamp) <= STAMP_MOST ? stamp : copysign(STAMP_MOST, stamp);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, size};
    const uint32_t rate_hz = take(&in, 1) & 1 ? 16000 : 8000;
    vb_timeline t;
    vb_transport transport;
    vb_timeline_init(&t, rate_hz, rate_hz / 1000 * (uint32_t)(1 + take(&in, 2) % 1000));
    vb_transport_init(&transport);
    int64_t chunk = 0;
    double stamp = 0.0, arrival = 0.0;
    uint64_t end = 0;
    while (in.left) {
        const uint64_t how = take(&in, 1);
        const uint32_t n = how & 8 ? (uint32_t)take(&in, 2) % 20000 : how & 16 ? t.last_n : rate_hz / 50;
        chunk = chunk_after(&in, chunk);
        stamp = stamp_after(&in, stamp, n * 1000.0 / rate_hz);
        const int64_t *c = how & 1 && how & 2 ? NULL : &chunk;
        const double *s = how & 1 && how & 4 ? NULL : &stamp;
        int16_t *pcm = room(n * sizeof *pcm);
        sound_i16(pcm, n, how >> 5, (uint32_t)(how & 32 ? take(&in, 1) : 1));
        const int goes_on = c && s && vb_timeline_goes_on(&t, chunk, stamp);
        const vb_place p = vb_timeline_place(&t, c, s, pcm, n);
        free(pcm);
        expect(!goes_on || (p.kind == VB_PLACE_NEXT && p.gap == 0), "what goes on is next, without a gap");
        expect(p.kind == VB_PLACE_NEXT || p.gap == 0, "only what is next leaves a gap");
        expect((double)p.gap <= 10.1 * rate_hz, "a gap is of ten seconds at most");
        expect(vb_timeline_valid(&t), "the timeline's state is valid");
        end += p.kind <= VB_PLACE_EPOCH ? p.gap + n : 0;
        arrival = how & 64 ? (double)(int64_t)take(&in, 8) / 1024.0 : arrival + (double)take(&in, 1) - 20.0;
        const double late = vb_transport_note(&transport, arrival, (double)end * 1000.0 / rate_hz);
        expect(late >= 0.0, "nothing is earlier than the least");
        if (p.kind == VB_PLACE_EPOCH)
            vb_transport_restart(&transport);
        double ppm;
        vb_transport_drift(&transport, &ppm);
        expect(vb_transport_quantile(&transport, (double)(how % 101) / 100.0) >= 0.0, "a quantile");
        expect(vb_transport_valid(&transport), "the transport's state is valid");
    }
    return 0;
}
