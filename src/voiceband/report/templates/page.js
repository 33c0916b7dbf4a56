"use strict";
(() => {
  const duration = Number(document.body.dataset.duration);
  const players = [...document.querySelectorAll("audio")];
  const clips = [...document.querySelectorAll(".version")];
  const track = document.getElementById("track");
  const scroll = document.getElementById("scroll");
  const play = document.getElementById("play");
  const clock = document.getElementById("clock");
  const cursors = document.querySelectorAll("#cursor, .cursor");
  const marks = [...document.querySelectorAll("#marks li[data-begin]")].map((li) => ({ li, at: Number(li.dataset.begin) }));
  // Players of a call sound together, those of a clip one at a time.
  const together = clips.length === 0;
  const asked = new Map(players.map((player) => [player, 0])); // where the script has sent each of them
  let leader = players[0];
  let current = null; // the mark in the list that is at the cursor
  let at = 0;
  let zoom = 1;

  const words = (s) => {
    const tenths = Math.round(s * 10), minutes = Math.floor(tenths / 600), hours = Math.floor(minutes / 60);
    const seconds = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
    return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${seconds}` : `${minutes}:${seconds}`;
  };

  function show() {
    const share = duration > 0 ? Math.min(at / duration, 1) : 0;
    for (const cursor of cursors) cursor.setAttribute("x", `${100 * share}%`);
    clock.textContent = words(at);
    if (together) {
      track.setAttribute("aria-valuenow", at.toFixed(1));
      track.setAttribute("aria-valuetext", words(at));
      let now = null;
      for (const mark of marks) {
        if (mark.at > at + 0.01) break;
        if (at - mark.at < 1) now = mark;
      }
      if (now !== current) {
        if (current) current.li.classList.remove("now");
        if (now) now.li.classList.add("now");
        current = now;
      }
      const x = share * track.clientWidth;
      if (zoom > 1 && (x < scroll.scrollLeft || x > scroll.scrollLeft + scroll.clientWidth)) scroll.scrollLeft = x - scroll.clientWidth / 4;
    }
  }

  function send(player, to) {
    asked.set(player, Math.min(to, player.duration || to));
    player.currentTime = asked.get(player);
  }

  function seek(to) {
    at = Math.min(Math.max(to, 0), duration);
    for (const player of players) send(player, at);
    show();
  }

  const playing = () => players.some((player) => !player.paused && !player.ended);

  function start() {
    if (at >= duration - 0.05) seek(0);
    for (const player of together ? players : [leader]) {
      send(player, at);
      player.play().catch(() => {});
    }
  }

  function stop() {
    for (const player of players) player.pause();
  }

  function choose(which) {
    const next = document.getElementById(which);
    const goes = playing();
    leader = next;
    for (const clip of clips) clip.classList.toggle("chosen", clip.dataset.which === which);
    for (const button of document.querySelectorAll(".choose")) button.setAttribute("aria-pressed", String(button.dataset.which === which));
    if (goes) {
      stop();
      start();
    }
  }

  let drawing = false;
  function follow() {
    if (!playing()) {
      drawing = false;
      return;
    }
    if (together && leader.paused) leader = players.find((player) => !player.paused);
    at = leader.currentTime;
    // Two decoders that began together may drift apart.
    for (const player of players) {
      if (together && player !== leader && !player.paused && Math.abs(player.currentTime - at) > 0.06) send(player, at);
    }
    show();
    requestAnimationFrame(follow);
  }

  for (const player of players) {
    player.addEventListener("play", () => {
      if (together) {
        if (!players.some((other) => other !== player && !other.paused)) leader = player;
      } else {
        for (const other of players) if (other !== player) other.pause();
        if (leader !== player) choose(player.id);
      }
      play.textContent = "Stop";
      if (!drawing) {
        drawing = true;
        requestAnimationFrame(follow);
      }
    });
    player.addEventListener("pause", () => {
      if (!playing()) play.textContent = together ? "Play both" : "Play";
    });
    player.addEventListener("seeked", () => {
      // With the player's own controls; all others follow.
      if (Math.abs(player.currentTime - asked.get(player)) > 0.2) {
        if (together) leader = player;
        seek(player.currentTime);
      }
    });
  }

  play.addEventListener("click", () => (playing() ? stop() : start()));
  for (const button of document.querySelectorAll("button.seek")) button.addEventListener("click", () => seek(Number(button.dataset.at)));
  for (const button of document.querySelectorAll("button.choose")) button.addEventListener("click", () => choose(button.dataset.which));

  for (const wide of document.querySelectorAll(".wide")) {
    const place = (event) => {
      const box = wide.getBoundingClientRect();
      seek(((event.clientX - box.left) / box.width) * duration);
    };
    wide.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      const clip = wide.closest(".version");
      if (clip) choose(clip.dataset.which);
      place(event);
      if (event.pointerType === "mouse") wide.setPointerCapture(event.pointerId);
    });
    wide.addEventListener("pointermove", (event) => {
      if (event.pointerType === "mouse" && event.buttons & 1) place(event);
    });
  }

  function go(step) {
    const shown = marks.filter((mark) => mark.li.offsetParent !== null);
    const found = step > 0 ? shown.find((mark) => mark.at > at + 0.01) : shown.findLast((mark) => mark.at < at - 0.01);
    if (found) {
      seek(found.at);
      found.li.scrollIntoView({ block: "nearest" });
      scroll.scrollIntoView({ block: "nearest" });
    }
  }

  function ticks() {
    const group = document.getElementById("ticks");
    if (!group) return;
    group.replaceChildren();
    const room = (track.clientWidth || 600) / 70;
    const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600].find((s) => duration / s <= room) || 7200;
    for (let i = 1; i * step < duration; i++) {
      const tick = document.createElementNS("http://www.w3.org/2000/svg", "svg");
      tick.setAttribute("x", `${(100 * i * step) / duration}%`);
      tick.setAttribute("overflow", "visible");
      const line = document.createElementNS(tick.namespaceURI, "path");
      line.setAttribute("d", "M0 15v2000");
      const text = document.createElementNS(tick.namespaceURI, "text");
      text.setAttribute("y", "12");
      text.textContent = words(i * step).replace(/\.0$/, "");
      tick.append(line, text);
      group.append(tick);
    }
  }

  function magnify(factor) {
    zoom = Math.min(Math.max(zoom * factor, 1), 256, Math.max(1, (duration * 200) / Math.max(scroll.clientWidth, 1)));
    track.style.width = `${100 * zoom}%`;
    ticks();
    scroll.scrollLeft = (at / duration) * track.clientWidth - scroll.clientWidth / 2;
    show();
  }

  if (together) {
    document.getElementById("in").addEventListener("click", () => magnify(2));
    document.getElementById("out").addEventListener("click", () => magnify(0.5));
    document.getElementById("before").addEventListener("click", () => go(-1));
    document.getElementById("next").addEventListener("click", () => go(1));
    for (const box of document.querySelectorAll(".legend input")) {
      box.addEventListener("change", () => {
        for (const part of document.querySelectorAll(`.mark.k-${box.value}, #marks .k-${box.value}`)) part.toggleAttribute("hidden", !box.checked);
      });
    }
    new ResizeObserver(ticks).observe(scroll);
  } else {
    choose(clips[0].dataset.which);
  }

  const keys = {
    " ": () => (playing() ? stop() : start()),
    ArrowLeft: (event) => seek(at - (event.shiftKey ? 10 : 1)),
    ArrowRight: (event) => seek(at + (event.shiftKey ? 10 : 1)),
    Home: () => seek(0),
    End: () => seek(duration),
    n: () => go(1),
    p: () => go(-1),
    "+": () => together && magnify(2),
    "-": () => together && magnify(0.5),
  };
  clips.forEach((clip, i) => (keys[String(i + 1)] = () => choose(clip.dataset.which)));
  document.addEventListener("keydown", (event) => {
    // What has the focus may have a use for the key of its own.
    const busy = event.target.closest("audio, input, summary, a");
    const pressed = event.target.closest("button") && event.key === " ";
    if (busy || pressed || event.ctrlKey || event.altKey || event.metaKey) return;
    if (["Home", "End"].includes(event.key) && event.target !== track) return;
    if (Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      keys[event.key](event);
    }
  });
  show();
  ticks();
})();
