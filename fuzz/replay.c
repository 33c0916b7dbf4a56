/* Run a harness on kept inputs, without libFuzzer. Usage: replay FILE... */
#include "fuzz.h"

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        FILE *file = fopen(argv[i], "rb");
        if (file == NULL) {
            perror(argv[i]);
            return 2;
        }
        static uint8_t all[1 << 20];
        const size_t n = fread(all, 1, sizeof all, file);
        fclose(file);
        uint8_t *data = room(n);
        memcpy(data, all, n);
        LLVMFuzzerTestOneInput(data, n);
        free(data);
        printf("%s\n", argv[i]);
    }
    return 0;
}
