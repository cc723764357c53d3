// A working stand-in of App Bridge for the simulated store: the same names, the same duties, no more.
// It gives the app session tokens, adds them to its requests, and lets it speak with the admin around it.
(() => {
  "use strict";

  const script = document.currentScript;
  const admin = new URL(script.src).origin;
  const query = new URLSearchParams(location.search);
  const RETRY = "X-Shopify-Retry-Invalid-Session-Request";
  const embedded = window.parent !== window;
  const waiting = new Map();
  let serial = 0;

  const config = {
    apiKey: script.dataset.apiKey || document.querySelector('meta[name="shopify-api-key"]')?.content || "",
    shop: query.get("shop") || "",
    host: query.get("host") || "",
    locale: query.get("locale") || "en",
  };

  const tell = (type, data = {}) => {
    if (embedded) window.parent.postMessage({ bridge: 1, type, ...data }, admin);
  };
  const ask = (type) => new Promise((resolve, reject) => {
    const id = ++serial;
    waiting.set(id, resolve);
    setTimeout(() => { if (waiting.delete(id)) reject(new Error(`the admin did not answer: ${type}`)); }, 8000);
    tell(type, { id });
  });

  let token = null;
  let until = 0;
  const idToken = async ({ fresh = false } = {}) => {
    if (fresh || !token || Date.now() > until) {
      token = (await ask("id-token")).token;
      until = Date.now() + 40_000; // tokens live a minute; leave room for the way
    }
    return token;
  };

  // -- requests ------------------------------------------------------------------------------------------------
  const ours = (url) => new URL(url, location.href).origin === location.origin;

  const plainFetch = window.fetch.bind(window);
  const signed = (request, bearer) => {
    const headers = new Headers(request.headers);
    headers.set("Authorization", `Bearer ${bearer}`);
    return new Request(request, { headers });
  };
  window.fetch = async (input, init) => {
    const request = new Request(input, init);
    if (!ours(request.url) || request.headers.has("Authorization")) return plainFetch(request);
    const again = request.clone();
    const answer = await plainFetch(signed(request, await idToken()));
    if (answer.status !== 401 || !answer.headers.has(RETRY)) return answer;
    return plainFetch(signed(again, await idToken({ fresh: true })));
  };

  const { open, send, setRequestHeader } = XMLHttpRequest.prototype;
  const calls = new WeakMap();
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    const known = calls.get(this);
    calls.set(this, { args: [method, url, ...rest], headers: [], ours: ours(url), retried: false });
    if (!known) ["readystatechange", "progress", "load", "loadend"].forEach((name) => this.addEventListener(name, retryOnce));
    return open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
    calls.get(this)?.headers.push([name, value]);
    return setRequestHeader.call(this, name, value);
  };
  XMLHttpRequest.prototype.send = function (body) {
    const call = calls.get(this);
    const named = call?.headers.some(([name]) => name.toLowerCase() === "authorization");
    if (!call || !call.ours || named || call.args[2] === false) return send.call(this, body);
    call.body = body;
    idToken().then((bearer) => go(this, bearer), () => send.call(this, body));
    return undefined;
  };
  const go = (xhr, bearer) => {
    setRequestHeader.call(xhr, "Authorization", `Bearer ${bearer}`);
    send.call(xhr, calls.get(xhr).body);
  };
  // A refused first answer stays unheard: its events stop here, and after the last one the call is made again.
  function retryOnce(event) {
    const call = calls.get(this);
    const refused = this.readyState >= 2 && this.status === 401 && this.getResponseHeader(RETRY);
    if (!refused || call.retried || !call.ours) return;
    event.stopImmediatePropagation();
    if (event.type !== "loadend") return;
    call.retried = true;
    open.apply(this, call.args);
    call.headers.forEach(([name, value]) => setRequestHeader.call(this, name, value));
    idToken({ fresh: true }).then((bearer) => go(this, bearer));
  }

  // -- pages ---------------------------------------------------------------------------------------------------
  const reload = query.get("shopify-reload");
  if (reload !== null) {
    idToken({ fresh: true }).then((bearer) => {
      const target = new URL(reload, location.origin);
      if (target.origin !== location.origin) return;
      target.searchParams.set("id_token", bearer);
      location.replace(target);
    });
  } else if (!embedded) {
    location.replace(`${admin}/app${location.pathname}`);
  }

  const path = () => {
    const kept = new URLSearchParams(location.search);
    ["id_token", "hmac", "timestamp", "session", "embedded", "host", "shop", "locale"].forEach((name) => kept.delete(name));
    const rest = kept.toString();
    return location.pathname + (rest ? `?${rest}` : "");
  };
  const arrived = () => { if (reload === null) tell("location", { path: path(), title: document.title }); };
  ["pushState", "replaceState"].forEach((name) => {
    const plain = history[name].bind(history);
    history[name] = (...args) => { plain(...args); arrived(); };
  });
  window.addEventListener("popstate", arrived);

  // -- what the admin shows for the app ------------------------------------------------------------------------
  const style = document.createElement("style");
  style.textContent = "ui-nav-menu, s-app-nav, ui-title-bar, ui-save-bar { display: none !important; }";
  (document.head || document.documentElement).append(style);

  const readNav = () => [...document.querySelectorAll("ui-nav-menu a, s-app-nav a, s-app-nav s-link")]
    .map((link) => ({ path: link.getAttribute("href") || "", label: link.textContent.trim(), home: link.getAttribute("rel") === "home" }))
    .filter((link) => link.path.startsWith("/"));
  const titleButtons = () => [...document.querySelectorAll("ui-title-bar button, ui-title-bar a")];
  const readTitle = () => {
    const bar = document.querySelector("ui-title-bar");
    return bar && {
      title: bar.getAttribute("title") || "",
      buttons: titleButtons().map((button) => ({ label: button.textContent.trim(), primary: button.getAttribute("variant") === "primary" })),
    };
  };
  let shown = "";
  const show = () => {
    const state = { nav: readNav(), titleBar: readTitle() };
    if (JSON.stringify(state) === shown) return;
    shown = JSON.stringify(state);
    tell("chrome", state);
  };
  document.addEventListener("DOMContentLoaded", () => {
    arrived();
    show();
    new MutationObserver(show).observe(document.documentElement, { childList: true, subtree: true, attributes: true });
  });

  // -- the save bar: by name, or for forms that carry data-save-bar ------------------------------------------------
  let dirty = null;
  const bars = (id) => document.getElementById(id);
  const saveBar = {
    show: async (id) => { dirty = { bar: bars(id) }; tell("save-bar", { open: true }); },
    hide: async () => { dirty = null; tell("save-bar", { open: false }); },
    toggle: async (id) => (dirty ? saveBar.hide(id) : saveBar.show(id)),
    leaveConfirmation: async () => undefined,
  };
  document.addEventListener("input", (event) => {
    const form = event.target.closest?.("form[data-save-bar]");
    if (form && dirty?.form !== form) { dirty = { form }; tell("save-bar", { open: true }); }
  });
  const settle = (action) => {
    const { form, bar } = dirty || {};
    if (form && action === "save") form.requestSubmit();
    if (form && action === "discard") form.reset();
    const buttons = bar ? [...bar.querySelectorAll("button")] : [];
    const wanted = buttons.find((button) => (button.getAttribute("variant") === "primary") === (action === "save"));
    wanted?.click();
    if (form) saveBar.hide();
  };

  window.addEventListener("message", (event) => {
    if (event.origin !== admin || event.source !== window.parent || event.data?.bridge !== 1) return;
    const { type, id } = event.data;
    if (type === "answer") { const resolve = waiting.get(id); waiting.delete(id); resolve?.(event.data); }
    if (type === "navigate" && event.data.path.startsWith("/")) location.assign(new URL(event.data.path, location.origin));
    if (type === "title-action") titleButtons()[event.data.index]?.click();
    if (type === "save-bar-action") settle(event.data.action);
  });

  window.shopify = {
    config,
    environment: { embedded, mobile: false, pos: false },
    ready: Promise.resolve(),
    idToken: () => idToken(),
    loading: (on) => tell("loading", { on: on !== false }),
    toast: {
      show: (message, options = {}) => { tell("toast", { message: String(message), error: options.isError === true }); return ++serial; },
      hide: () => tell("toast-hide"),
    },
    saveBar,
    user: async () => ({ accountAccess: "full", accountOwner: true }),
  };
})();
