// What htmx can't know: requests carry the session token, the admin around us hears what happens.
(() => {
  "use strict";

  const admin = window.shopify;
  let token = "";

  // Every request waits for a session token that still lives (App Bridge keeps one at hand).
  document.addEventListener("htmx:confirm", (event) => {
    event.preventDefault();
    Promise.resolve(admin?.idToken?.()).then(
      (fresh) => { token = fresh || ""; event.detail.issueRequest(true); },
      () => say("The store's admin does not answer. Reload the page.", true),
    );
  });
  document.addEventListener("htmx:configRequest", (event) => {
    if (token) event.detail.headers.Authorization = `Bearer ${token}`;
  });

  // -- what the merchant hears ---------------------------------------------------------------------------------
  const say = (message, isError = false) => admin?.toast?.show(message, { isError, duration: 5000 });
  document.addEventListener("said", (event) => say(event.detail.message));
  document.addEventListener("htmx:responseError", (event) => {
    if (quiet(event)) return;
    say(event.detail.xhr.status === 401 ? "Your session ended. Reload the page." : "That did not work. Try again.", true);
  });
  document.addEventListener("htmx:sendError", (event) => { if (!quiet(event)) say("No connection. Try again.", true); });

  // Parts that refresh themselves do so without a progress bar and without complaints.
  const quiet = (event) => event.detail.elt?.hasAttribute("data-live");
  document.addEventListener("htmx:beforeRequest", (event) => { if (!quiet(event)) admin?.loading?.(true); });
  document.addEventListener("htmx:afterRequest", (event) => { if (!quiet(event)) admin?.loading?.(false); });

  // -- moving about --------------------------------------------------------------------------------------------
  const go = (path, push) => window.htmx.ajax("GET", path, { target: document.body, swap: "innerHTML" }).then(() => {
    if (push) history.pushState({ htmx: true }, "", path);
  });
  document.addEventListener("shopify:navigate", (event) => {
    const path = event.target?.getAttribute?.("href");
    if (path?.startsWith("/")) { event.preventDefault(); go(path, true); }
  });
  // Pages hold customers' data, so none is kept in the browser: going back asks again, with a token.
  document.addEventListener("htmx:historyCacheMiss", (event) => { event.preventDefault(); go(event.detail.path, false); });
  document.addEventListener("htmx:pushedIntoHistory", () => {
    document.getElementById("main")?.focus({ preventScroll: true });
  });

  // The address need not keep the token it was opened with.
  const here = new URL(location.href);
  const spent = ["id_token", "hmac", "session", "timestamp"].filter((name) => here.searchParams.has(name));
  if (spent.length && !here.searchParams.has("shopify-reload")) {
    spent.forEach((name) => here.searchParams.delete(name));
    history.replaceState(history.state, "", here);
  }
})();
