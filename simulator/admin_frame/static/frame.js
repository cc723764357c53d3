// The admin's side: answers the app in the frame, and shows what it asks to be shown.
(() => {
  "use strict";

  const frame = document.getElementById("app");
  const clock = document.getElementById("clock");
  const tick = async () => {
    try {
      const state = await (await fetch("/frame/state.json")).json();
      clock.textContent = state.date;
      document.querySelectorAll("[data-state]").forEach((place) => {
        if (state[place.dataset.state] !== undefined) place.textContent = state[place.dataset.state];
      });
    } catch { clock.textContent = "not reachable"; }
  };
  tick();
  setInterval(tick, 1000);

  const toasts = document.getElementById("toasts");
  const toast = (message, error) => {
    const note = document.createElement("div");
    note.className = error ? "toast error" : "toast";
    note.textContent = message;
    toasts.append(note);
    setTimeout(() => note.remove(), 5000);
  };
  window.adminToast = toast;
  if (!frame) return;

  const origin = new URL(frame.dataset.origin).origin;
  const progress = document.getElementById("progress");
  const nav = document.getElementById("app-nav");
  const title = document.getElementById("title");
  const actions = document.getElementById("title-actions");
  const saveBar = document.getElementById("save-bar");
  const say = (message) => frame.contentWindow.postMessage({ bridge: 1, ...message }, origin);
  let place = location.pathname.replace(/^\/app/, "") || "/";

  const answer = {
    "id-token": async ({ id }) => say({ type: "answer", id, ...(await (await fetch("/frame/id-token")).json()) }),
    location: (message) => {
      place = message.path;
      saveBar.hidden = true;
      progress.hidden = true;
      history.replaceState(null, "", `/app${message.path}`);
      mark();
    },
    chrome: ({ nav: links, titleBar }) => {
      nav.replaceChildren(...links.filter((link) => !link.home).map(navLink));
      title.textContent = titleBar?.title || "Regulars";
      actions.replaceChildren(...(titleBar?.buttons || []).map(actionButton));
      mark();
    },
    toast: ({ message, error }) => toast(message, error),
    "toast-hide": () => toasts.replaceChildren(),
    loading: ({ on }) => { progress.hidden = !on; },
    "save-bar": ({ open }) => { saveBar.hidden = !open; },
  };
  window.addEventListener("message", (event) => {
    if (event.origin !== origin || event.source !== frame.contentWindow || event.data?.bridge !== 1) return;
    answer[event.data.type]?.(event.data);
  });

  const navLink = ({ path, label }) => {
    const link = document.createElement("a");
    link.href = `/app${path}`;
    link.textContent = label;
    link.dataset.path = path;
    link.addEventListener("click", (event) => { event.preventDefault(); say({ type: "navigate", path }); });
    return link;
  };
  const actionButton = ({ label, primary }, index) => {
    const button = document.createElement("button");
    button.textContent = label;
    button.className = primary ? "primary" : "";
    button.addEventListener("click", () => say({ type: "title-action", index }));
    return button;
  };
  const mark = () => {
    const here = place.split("?")[0];
    nav.querySelectorAll("a").forEach((link) => link.classList.toggle("here", here.startsWith(link.dataset.path.split("?")[0])));
  };
  saveBar.querySelectorAll("button").forEach((button) => button.addEventListener("click", () => {
    say({ type: "save-bar-action", action: button.value });
  }));
})();
