"""The page's own style and scripts; everything else is Gradio's."""

GRID_CLICKS = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('button[data-row]');
  if (!button) return;
  element.querySelectorAll('[aria-current]').forEach((one) => one.removeAttribute('aria-current'));
  button.setAttribute('aria-current', 'true');
  trigger('click', {row: button.dataset.row, column: button.dataset.column});
});
element.addEventListener('keydown', (event) => {
  const button = event.target.closest('button[data-row]');
  const [down, right] = {ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1]}[event.key] ?? [0, 0];
  if (!button || (!down && !right)) return;
  const row = +button.dataset.row + down, column = +button.dataset.column + right;
  event.preventDefault();
  button.closest('table').querySelector(`[data-row="${row}"][data-column="${column}"]`)?.focus();
});
"""

HEAD = """
<script>
document.addEventListener('click', (event) => {
  const button = event.target.closest('.gcn-copy');
  if (button) navigator.clipboard.writeText(button.nextElementSibling.textContent).then(() => { button.textContent = 'copied'; });
});
new MutationObserver(() => {
  const shown = document.querySelector('[data-link]');
  if (shown && shown.dataset.link !== window.location.search) history.replaceState(null, '', shown.dataset.link);
  document.querySelectorAll('.gcn-download:not([data-followed])').forEach((link) => { link.dataset.followed = '1'; link.click(); });
}).observe(document.documentElement, {childList: true, subtree: true, attributes: true, attributeFilter: ['data-link']});
</script>
"""

CSS = """
.gcn-row { display: flex; flex-wrap: wrap; gap: 1rem; align-items: flex-start; }
.gcn-row figure { margin: 0; }
.gcn-row figure figcaption { font-weight: 600; overflow-wrap: anywhere; }
.gcn-row figure p { margin: 0.2rem 0 0; font-size: 0.85rem; max-width: 16rem; overflow-wrap: anywhere; }
img.large { width: auto; height: 10rem; max-width: 100%; image-rendering: pixelated; border-radius: 4px; }
#picture img.large { height: 14rem; }
.gcn-strip img.large { height: 5.5rem; }
.gcn-strip .gcn-row, .gcn-cell .gcn-row { gap: 0.6rem; }
.gcn-strip figure p { font-size: 0.75rem; max-width: 5.5rem; }
.gcn-scroll { overflow: auto; max-height: 75vh; }
.gcn-grid table { border-collapse: separate; border-spacing: 3px; width: auto; }
.gcn-grid th { font-size: 0.75rem; font-weight: 500; padding: 0 0.3rem; text-align: center; position: sticky; background: var(--background-fill-primary); z-index: 1; }
.gcn-grid thead th { top: 0; } .gcn-grid tbody th { left: 0; text-align: right; }
.gcn-grid table, .gcn-grid td, .gcn-grid th, .gcn-judges, .gcn-judges td, .gcn-judges th { border: 0 !important; }
.gcn-grid td { padding: 0; } .gcn-corner { font-size: 0.7rem; color: var(--body-text-color-subdued); }
.gcn-grid button { display: block; width: calc(var(--w) * var(--z)); height: calc(var(--h) * var(--z)); padding: 0; cursor: pointer;
  background-image: var(--sheet); background-size: calc(var(--w) * var(--z) * var(--columns)) auto; image-rendering: pixelated;
  background-position: calc(var(--w) * var(--z) * var(--x) * -1) calc(var(--h) * var(--z) * var(--y) * -1); border-radius: 2px; }
.gcn-grid button, .gcn-key { outline: 1px solid var(--border-color-primary); }
.gcn-grid button.unseen, .gcn-key.unseen, figure.unseen img { outline: 3px solid #e07b00; }
.gcn-grid button.never, .gcn-key.never, figure.never img { outline: 3px dashed #2f80ed; }
.gcn-grid button[aria-current], .gcn-grid button:focus-visible { position: relative; z-index: 2; }
.gcn-grid button[aria-current] { box-shadow: 0 0 0 6px var(--body-text-color); }
.gcn-grid button:focus-visible { box-shadow: 0 0 0 6px #2f80ed; }
.gcn-key { display: inline-block; width: 0.9rem; height: 0.9rem; margin: 0 0.3rem 0 0.5rem; vertical-align: -0.1rem; border-radius: 2px; }
.gcn-legend, .gcn-message { font-size: 0.9rem; color: var(--body-text-color); }
.gcn-judges { width: auto; } .gcn-judges td, .gcn-judges th { padding: 0.15rem 0.6rem; text-align: left; border-bottom: 1px solid var(--border-color-primary) !important; color: var(--body-text-color); }
.gcn-judges .right { color: #1a8a3c; } .gcn-judges .wrong { color: #d33a2c; } .gcn-judges .doubtful { color: var(--body-text-color-subdued); }
.dark .gcn-judges .right { color: #5fd38a; } .dark .gcn-judges .wrong { color: #ff8a7a; }
.gcn-code { position: relative; margin: 0.4rem 0; } .gcn-code span { font-size: 0.75rem; color: var(--body-text-color-subdued); }
.gcn-code pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: 0.8rem; padding: 0.5rem; background: var(--background-fill-secondary); border-radius: 4px; color: var(--body-text-color); }
.gcn-copy { float: right; font-size: 0.75rem; text-decoration: underline; cursor: pointer; }
.gcn-again summary { cursor: pointer; font-size: 0.9rem; }
.gcn-download { font-size: 0.85rem; text-decoration: underline; }
@media (max-width: 640px) { #picture img.large { height: 10rem; } .gcn-strip img.large { height: 4rem; } }
"""
