// The editor of blocks around GrapesJS. What it shows is the mail itself: the same head, brand and parts as when it is sent.
(() => {
  "use strict";

  const form = document.getElementById("design");
  const data = JSON.parse(document.getElementById("design-data").textContent);
  const words = data.words;
  const field = form.querySelector("textarea[name=body]");

  // -- Liquid, said in words -------------------------------------------------------------------------------------
  const said = (code) => {
    const [, tag, rest] = /^\{%-?\s*(\w+)\s*([\s\S]*?)\s*-?%\}$/.exec(code) || [null, "", code];
    return (words.liquid[tag] || "{rest}").replace("{rest}", rest);
  };

  // Where colours, fonts and classes come from when the mail is made, they come from in the canvas too.
  const dressed = (mjml) => mjml
    .replace(/\{\{\s*brand\.(\w+)\s*\}\}/g, (_, name) => data.brand[name] ?? "")
    .replace(/<mj-head>[\s\S]*?<\/mj-head>/, "")
    .replace(/<mjml([^>]*)>/, `<mjml$1>${data.head}`);

  const ours = (editor, { opt }) => {
    const parse = opt.mjmlParser;
    opt.mjmlParser = (mjml, options) => parse(dressed(mjml), options);

    const drawn = (draw) => ({
      init() { this.listenTo(this.model, "change:attributes", this.render); },
      render() {
        this.el.innerHTML = "";
        draw(this.el, this.model.getAttributes());
        this.el.setAttribute("data-gjs-ours", this.model.get("type"));
        return this;
      },
    });
    const leaf = (name, traits, more) => ({
      isComponent: (element) => element.tagName?.toLowerCase() === name,
      model: {
        defaults: {
          tagName: name, draggable: "[data-gjs-type=mj-body],[data-gjs-type=mj-column],[data-gjs-type=mj-section],[data-gjs-type=mj-wrapper]",
          droppable: false, stylable: false, editable: false, highlightable: true, traits, ...more,
        },
      },
    });
    editor.Components.addType("mj-liquid", {
      ...leaf("mj-liquid", [{ type: "text", name: "code", label: words.code }], { name: words.condition }),
      view: drawn((el, { code = "" }) => { el.className = "ours-liquid"; el.textContent = said(code); }),
    });
    editor.Components.addType("mj-kept", {
      ...leaf("mj-kept", [], { name: words.kept }),
      view: drawn((el, { code = "" }) => { el.className = "ours-kept"; el.innerHTML = data.kept[code] || ""; el.title = words.kept_about; }),
    });
    editor.Components.addType("mj-include", {
      ...leaf("mj-include", [], { name: words.part }),
      view: drawn((el, { path = "" }) => { el.className = "ours-part"; el.innerHTML = data.parts[path] || path; }),
    });
  };

  const plain = (editor) => {
    // The library writes its own defaults (13 px, padding 10 px 25 px) over what our head says.
    for (const { id, model } of editor.Components.getTypes()) {
      const given = model.prototype.defaults;
      const defaults = typeof given === "function" ? given.call(model.prototype) : given;
      if (id.startsWith("mj") && defaults?.["style-default"]) {
        for (const name of Object.keys(defaults["style-default"])) delete defaults["style-default"][name];
      }
    }
  };

  const plugin = window["grapesjs-mjml"].default || window["grapesjs-mjml"];
  // A click (or Enter) puts a block behind what is chosen: dragging is one way, not the only one.
  const behind = (block, editor) => {
    const content = block.getContent();
    const isSection = /^<mj-(section|liquid|include)/.test(typeof content === "string" ? content : `<${content.type}`);
    const home = isSection ? "mj-body" : "mj-column";
    const chosen = editor.getSelected();
    const place = chosen && (chosen.is(home) ? chosen : chosen.closestType(home));
    const parent = place || editor.getWrapper().findType(home).at(-1);
    if (!parent) return;
    let before = chosen;
    while (before && before.parent() !== parent) before = before.parent();
    const at = before ? before.index() + 1 : parent.components().length;
    const [added] = [parent.append(content, { at })].flat();
    if (added) { editor.select(added); editor.Canvas.scrollTo(added); }
  };

  const editor = window.grapesjs.init({
    container: "#canvas",
    height: "100%",
    fromElement: false,
    storageManager: false,
    telemetry: false,
    cssIcons: "",
    noticeOnUnload: false,
    showDevices: false,
    panels: { defaults: [] },
    blockManager: { appendTo: "#blocks", appendOnClick: behind },
    traitManager: { appendTo: "#traits" },
    styleManager: { appendTo: "#styles" },
    layerManager: { appendTo: "#layers" },
    canvasCss: data.canvas_css,
    i18n: { locale: "en", detectLocale: false },
    assetManager: { upload: false, dropzone: false, embedAsBase64: false },
    plugins: [(made) => {
      plugin(made, {
        fonts: {}, useCustomTheme: false, columnsPadding: "", customComponents: [ours],
        blocks: ["mj-1-column", "mj-2-columns", "mj-text", "mj-button", "mj-image", "mj-divider", "mj-spacer"],
      });
      plain(made);
    }],
  });

  for (const block of data.blocks) {
    const media = `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${block.icon}"/></svg>`;
    editor.Blocks.add(block.id, { label: block.label, media, category: block.category, content: block.content, attributes: { title: block.about } });
  }

  // -- variables, picked from a list into the text under the cursor ----------------------------------------------
  const options = data.variables.map(({ code, label }) => {
    const option = document.createElement("option");
    option.value = code;
    option.textContent = label;
    return option.outerHTML;
  });
  editor.RichTextEditor.add("variable", {
    icon: `<select class="ours-variable" aria-label="${words.insert}"><option value="">${words.insert}</option>${options.join("")}</select>`,
    event: "change",
    result: (rte, action) => {
      const select = action.btn.firstChild;
      if (select.value) rte.insertHTML(select.value);
      select.selectedIndex = 0;
    },
  });

  // -- what changed goes into the form, where the page's own save takes it ---------------------------------------
  const body = () => (/<mj-body[\s\S]*<\/mj-body>/.exec(editor.getHtml()) || [field.value])[0];
  let opened = "";
  editor.on("load", () => {
    document.querySelectorAll(".gjs-block").forEach((block) => {
      block.tabIndex = 0;
      block.setAttribute("role", "button");
      block.addEventListener("keydown", (event) => { if (event.key === "Enter") block.click(); });
    });
    ["devices-c", "options", "views", "views-container", "commands"].forEach((name) => editor.Panels.removePanel(name));
    editor.Canvas.getFrameEl().title = words.mail;
    editor.setComponents(`<mjml>${field.value}</mjml>`);
    editor.UndoManager.clear();
    opened = body();
    document.body.dataset.designer = "ready";
  });
  const changed = () => body() !== opened;
  form.addEventListener("htmx:configRequest", (event) => event.detail.parameters.set("body", body()));
  form.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.xhr.getResponseHeader("Kept") === "yes") opened = body();
  });
  window.addEventListener("beforeunload", (event) => { if (changed()) event.preventDefault(); });

  // -- the bar ---------------------------------------------------------------------------------------------------
  const acts = {
    undo: () => editor.UndoManager.undo(),
    redo: () => editor.UndoManager.redo(),
    desktop: () => editor.setDevice("Desktop"),
    phone: () => editor.setDevice("Mobile portrait"),
    outlines: (button) => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      editor.Commands[on ? "run" : "stop"]("core:component-outline");
    },
  };
  document.querySelectorAll("button[data-act]").forEach((button) => button.addEventListener("click", () => {
    acts[button.dataset.act](button);
    if (button.dataset.group) {
      document.querySelectorAll(`button[data-group=${button.dataset.group}]`).forEach((each) => {
        each.setAttribute("aria-pressed", String(each === button));
      });
    }
  }));
  window.designer = editor;
})();
