// The shoppers' inboxes: a list that refreshes itself, a mail view, a phone.
(() => {
  "use strict";

  const page = document.getElementById("inboxes");
  const list = document.getElementById("messages");
  const view = document.getElementById("view");
  const total = document.getElementById("total");
  const tabs = [...document.querySelectorAll(".tabs button")];
  let channel = "";
  let shown = "";
  let width = window.innerWidth < 760 ? "phone" : "desktop";

  const make = (tag, attributes = {}, ...children) => {
    const element = Object.assign(document.createElement(tag), attributes);
    element.append(...children.filter((child) => child !== null));
    return element;
  };
  const hue = (name) => [...name].reduce((sum, letter) => (sum * 31 + letter.charCodeAt(0)) % 360, 7);
  const chosen = () => Number(location.hash.slice(1)) || null;

  const item = (message) => {
    const face = make("span", { className: "face", textContent: message.name.slice(0, 1).toUpperCase() });
    face.style.background = `hsl(${hue(message.name)} 32% 46%)`;
    const state = message.inbound ? "reply" : message.clicked ? "clicked" : message.opened ? "read" : message.status;
    const link = make("a", { href: `#${message.number}` }, face, make("b", { textContent: message.name }),
      make("time", { textContent: message.at }),
      make("span", { className: message.channel === "sms" ? "line text" : "line", textContent: message.subject }),
      make("small", { textContent: state }));
    link.classList.toggle("here", message.number === chosen());
    return make("li", {}, link);
  };

  const refresh = async () => {
    if (document.hidden) return;
    const feed = await (await fetch(`/inboxes/feed.json?channel=${channel}`)).json();
    const key = JSON.stringify([feed.messages, chosen()]);
    total.textContent = `${feed.total.toLocaleString("en")} so far`;
    if (key === shown) return;
    shown = key;
    list.replaceChildren(...feed.messages.map(item));
  };

  const back = () => make("button", { className: "back", textContent: "‹ All messages", onclick: () => { location.hash = ""; } });

  const showMail = (mail) => {
    const sheet = make("div", { className: `sheet ${width}` },
      make("iframe", { title: mail.subject, src: `/inboxes/${mail.number}/html`, sandbox: "allow-popups allow-popups-to-escape-sandbox" }));
    const widths = make("div", { className: "widths" }, ...["desktop", "phone"].map((kind) => {
      const button = make("button", { textContent: kind === "phone" ? "Phone" : "Desktop" });
      button.setAttribute("aria-pressed", String(kind === width));
      button.onclick = () => {
        width = kind;
        sheet.className = `sheet ${kind}`;
        widths.querySelectorAll("button").forEach((each) => each.setAttribute("aria-pressed", String(each === button)));
      };
      return button;
    }));
    const facts = { To: mail.to, From: mail.from, "Message id": mail.message_id, Status: mail.status, ...mail.headers };
    const headers = make("details", {}, make("summary", { textContent: "Headers" }),
      make("dl", {}, ...Object.entries(facts).flatMap(([name, value]) => [make("dt", { textContent: name }), make("dd", { textContent: value })])));
    const text = make("details", {}, make("summary", { textContent: "Text part" }), make("pre", { textContent: mail.text }));
    view.replaceChildren(make("article", { className: "mail" },
      make("header", {}, back(), make("h1", { textContent: mail.subject }), make("p", { className: "preheader", textContent: mail.preheader }),
        make("div", { className: "meta" }, make("span", { textContent: `${mail.from} → ${mail.name}` }), make("span", { textContent: mail.at }), widths),
        headers, text), sheet));
  };

  const showPhone = (text) => {
    const bubbles = make("div", { className: "bubbles" }, ...text.conversation.flatMap((each) => [
      make("time", { textContent: each.segments > 1 ? `${each.at} · ${each.segments} segments` : each.at }),
      make("div", { className: each.inbound ? "bubble inbound" : "bubble", textContent: each.text })]));
    const input = make("input", { placeholder: "Reply, for example STOP", ariaLabel: "Reply" });
    const form = make("form", {}, input, make("button", { textContent: "Send" }));
    form.onsubmit = async (event) => {
      event.preventDefault();
      if (!input.value.trim()) return;
      await fetch(`/inboxes/${text.number}/reply`, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ text: input.value }) });
      show();
    };
    view.replaceChildren(make("div", { className: "handset" },
      make("div", { className: "who" }, back(), document.createTextNode(text.name), make("small", { textContent: text.to })), bubbles, form));
  };

  const show = async () => {
    const number = chosen();
    page.classList.toggle("open", number !== null);
    if (number === null) return;
    const answer = await fetch(`/inboxes/${number}.json`);
    if (!answer.ok) { view.replaceChildren(make("p", { className: "empty", textContent: "This message is no longer kept." })); return; }
    const message = await answer.json();
    (message.channel === "sms" ? showPhone : showMail)(message);
    refresh();
  };

  tabs.forEach((tab) => tab.addEventListener("click", () => {
    channel = tab.value;
    tabs.forEach((each) => each.setAttribute("aria-pressed", String(each === tab)));
    refresh();
  }));
  window.addEventListener("hashchange", show);
  show();
  refresh();
  setInterval(() => refresh().catch(() => { total.textContent = "not reachable"; }), 1500);
})();
