"""The page of `gcn-tf explore` in Gradio: its controls, and which panel each of them changes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import gradio as gr

from gcn_tf.errors import UserError
from gcn_tf.explore.panels import MOST_CELLS, Panels
from gcn_tf.explore.selection import LIMITS, Selection, blend
from gcn_tf.explore.style import GRID_CLICKS
from gcn_tf.explore.turns import Turns
from gcn_tf.grid.factors import Factor, finite_number

MOST_BLENDED = 6  # values of one blend
MOST_CHOICES = 300  # values in a list; of more, the first, and any other can be typed
SLIDER_STEPS = 180  # of an ordered factor
SECONDS_BETWEEN_LOOKS = 3  # at the folders, for newer checkpoints
# The last of several quick changes always counts: by default, what is asked while an answer is awaited is dropped.
LAST: dict[str, Any] = {"trigger_mode": "always_last", "api_visibility": "private"}
AT_ONCE: dict[str, Any] = {**LAST, "queue": False, "show_progress": "hidden"}
IN_TURN: dict[str, Any] = {**LAST, "show_progress": "minimal"}
# All that change the picture: one after the other, answered in one stream, and numbered by the page, whose order counts.
NUMBERED = "(_, ...values) => [window.gcnAsked = (window.gcnAsked ?? 0) + 1, ...values]"
PICTURE: dict[str, Any] = {
    **LAST,
    "js": NUMBERED,
    "concurrency_id": "picture",
    "concurrency_limit": 1,
    "show_progress": "hidden",
}


def slider_range(factor: Factor) -> tuple[float, float]:
    """From where to where the slider of an ordered factor goes; of a cyclic one once round."""
    low, high = factor.numbers[0], factor.numbers[-1]
    return low, low + factor.period if factor.period else high


def text_of(factor: Factor, value: Any) -> str:
    """What a control gives, as a value, number or blend.

    >>> text_of(Factor("angle", ("0", "90"), (0, 90)), 90.0)
    '90'
    """
    number = finite_number(str(value)) if factor.numbers else None
    if number is None:
        return str(value)
    return dict(zip(factor.numbers, factor.values, strict=True)).get(number, f"{number:.6g}")


def choices(factor: Factor) -> list[str]:
    """The values that a list of the page holds: ten thousand would make it a megabyte, which every list would load."""
    return list(factor.values[:MOST_CHOICES])


def list_label(factor: Factor) -> str:
    """The name of a factor; of one with very many values, that they can be typed.

    >>> list_label(Factor("digit", ("3", "7"))), list_label(Factor("writer", tuple(map(str, range(9_000)))))
    ('digit', 'writer (9,000 values: type any)')
    """
    many = len(factor) > MOST_CHOICES
    return f"{factor.name} ({len(factor):,} values: type any)" if many else factor.name


def control_value(factor: Factor, text: str) -> Any:
    """What the control of a factor shows for a value, number or blend; raises FactorError for what no slider can show."""
    if not factor.numbers:
        return text
    if text in factor.values:
        return factor.numbers[factor.index(text)]
    factor.code(text)
    number = finite_number(text)
    return factor.numbers[0] if number is None else number


def build(panels: Panels) -> gr.Blocks:
    """The page; `launch` of what is returned serves it."""
    return _Page(panels).blocks


def _chain(event: Callable[..., Any], *steps: tuple[Any, ...]) -> None:
    """Let an event do steps one after the other: functions with their inputs, outputs and settings.

    With `always_last`, Gradio asks for ever if several functions wait for one event by themselves: each that ends
    while the event comes a second time starts all the others again.
    """
    for function, inputs, outputs, settings in steps:
        event = event(function, inputs, outputs, **settings).then


class _Page:
    """The controls by what they are, and their wiring."""

    def __init__(self, panels: Panels) -> None:
        self.panels, self.space, self.turns = panels, panels.space, Turns()
        self.first = Selection.first(self.space)
        with gr.Blocks(
            title=f"gcn-tf: {panels.runs[0].place}", analytics_enabled=False, fill_width=True
        ) as self.blocks:
            self.status = gr.HTML(panels.status(), elem_id="status")
            with gr.Row():
                with gr.Column(scale=2, min_width=300):
                    self.picture = gr.HTML(elem_id="picture")
                    self.factors = [self._control(factor) for factor in self.space]
                    self._blending()
                    self.picture_button = gr.Button(
                        "Save the picture as PNG", elem_id="save-picture", size="sm"
                    )
                    self.saved = gr.HTML(elem_id="saved")
                with gr.Column(scale=5, min_width=320), gr.Tabs():
                    self._tabs()
            self.query = gr.Textbox(visible="hidden")
            self.asked = gr.Number(0, visible="hidden")
            self._wire()

    def _control(self, factor: Factor) -> Any:
        if factor.numbers:
            low, high = slider_range(factor)
            return gr.Slider(
                low,
                high,
                low,
                step=(high - low) / SLIDER_STEPS,
                label=factor.name,
                elem_id=f"factor-{factor.name}",
            )
        return gr.Dropdown(
            choices(factor),
            value=factor.values[0],
            label=list_label(factor),
            allow_custom_value=True,
            elem_id=f"factor-{factor.name}",
        )

    def _blending(self) -> None:
        """Values and weights of a blend."""
        names = [factor.name for factor in self.space if len(factor) > 1 and not factor.numbers]
        first = choices(self.space[names[0]]) if names else []
        with gr.Accordion("Blend", open=False, visible=bool(names), elem_id="blend"):
            self.blended = gr.Dropdown(
                names, value=names[0] if names else None, label="blend values of", elem_id="blend-of"
            )
            self.parts = gr.Dropdown(
                first,
                value=[],
                multiselect=True,
                max_choices=MOST_BLENDED,
                allow_custom_value=any(len(self.space[name]) > MOST_CHOICES for name in names),
                label="values",
                elem_id="blend-values",
            )
            self.weights = [
                gr.Slider(0, 1, 0.5, step=0.01, label="", visible=False, elem_id=f"blend-weight-{n}")
                for n in range(MOST_BLENDED)
            ]

    def _tabs(self) -> None:
        names, first = list(self.space.names), self.first
        large = (
            self.space.cell_count
            and len(self.space[first.rows]) * len(self.space[first.columns]) > MOST_CELLS
        )
        with gr.Tab("Grid"):
            with gr.Row():
                self.rows = gr.Dropdown(names, value=first.rows, label="rows", elem_id="grid-rows")
                self.columns = gr.Dropdown(
                    names, value=first.columns, label="columns", elem_id="grid-columns"
                )
                self.top = gr.Number(
                    0, label="from row", precision=0, minimum=0, visible=bool(large), elem_id="grid-from"
                )
            self.grid = gr.HTML(elem_id="grid", js_on_load=GRID_CLICKS)
            self.grid_button = gr.Button("Save the grid as PNG", elem_id="save-grid", size="sm")
            self.cell = gr.HTML(elem_id="cell")
        with gr.Tab("Strip"):
            with gr.Row():
                values = choices(self.space[first.strip])
                self.strip_of = gr.Dropdown(
                    names, value=first.strip, label="from one value to another of", elem_id="strip-of"
                )
                self.start = gr.Dropdown(
                    values, value=first.start, label="from", allow_custom_value=True, elem_id="strip-from"
                )
                self.end = gr.Dropdown(
                    values, value=first.end, label="to", allow_custom_value=True, elem_id="strip-to"
                )
                self.count = gr.Slider(
                    *LIMITS["count"], first.count, step=1, label="pictures", elem_id="strip-pictures"
                )
            self.strip = gr.HTML(elem_id="strip")
            with gr.Row():
                self.gif_button = gr.Button("Save the strip as GIF", elem_id="save-gif", size="sm")
                self.strip_button = gr.Button("Save the strip as PNG", elem_id="save-strip", size="sm")
        able = any(run.config.generator.transfers for run in self.panels.runs)
        with gr.Tab("Photograph", visible=able):
            gr.Markdown(
                "A photograph of anybody, drawn in other cells. Nothing is trained, and the run does not keep it."
            )
            with gr.Row():
                self.photograph = gr.Image(
                    type="filepath", sources=["upload", "clipboard"], label="photograph", elem_id="photograph"
                )
                with gr.Column():
                    self.changing = gr.Dropdown(
                        names, value=first.columns, label="what changes", elem_id="photograph-to"
                    )
                    self.shows = gr.Textbox(
                        label="what it shows, if you know",
                        placeholder=f"{names[0]}=...",
                        elem_id="photograph-shows",
                    )
                    self.force = gr.Checkbox(
                        label="draw it although it is nothing like the run's pictures",
                        elem_id="photograph-force",
                    )
                    self.draw_button = gr.Button("Draw", elem_id="photograph-draw")
            self.drawn = gr.HTML(elem_id="drawn")

    @property
    def controls(self) -> list[Any]:
        """All that a selection is made of."""
        return [
            *self.factors,
            self.rows,
            self.columns,
            self.strip_of,
            self.start,
            self.end,
            self.count,
            self.top,
        ]

    def chosen(self, values: Sequence[Any]) -> Selection:
        """The selection that the controls show."""
        texts = {f.name: text_of(f, value) for f, value in zip(self.space, values, strict=False)}
        rows, columns, strip, start, end, count, top = values[len(texts) :]
        count, top = (
            int(min(max(number or 0, low), high))
            for number, (low, high) in zip((count, top), LIMITS.values(), strict=True)
        )
        return Selection(texts, rows, columns, strip, str(start), str(end), count, top)

    def _of_controls(self, make: Callable[[Selection], Any]) -> Callable[..., Any]:
        """A function of the controls' values; what is wrong with them becomes a line on the page."""

        def handler(*values: Any) -> Any:
            try:
                return make(self.chosen(values))
            except UserError as error:
                raise gr.Error(str(error), duration=8, print_exception=False) from None

        return handler

    def _in_turn(self, make: Callable[..., Any], always: int = 0) -> Callable[..., Any]:
        """The same function, but the picture is left out if the page was answered a later question: all controls change the same.

        Args:
            make: is called with what the page gives after the number of its question.
            always: how many of the outputs, the first ones, are not left out.
        """

        def handler(number: float, request: gr.Request, *values: Any) -> Any:
            made = make(*values)
            if self.turns.answer(str(request.session_hash), number):
                return made
            left_out = gr.skip()
            return [*made[:always], *[left_out] * len(made[always:])] if isinstance(made, list) else left_out

        return handler

    def _wire(self) -> None:
        panels, controls = self.panels, self.controls
        picture, grid, strip = (
            self._of_controls(make) for make in (panels.picture, panels.grid, panels.strip)
        )
        in_turn = [self.asked, *controls]
        shows_picture = (self._in_turn(picture), in_turn, self.picture, PICTURE)
        shows_grid = (grid, controls, self.grid, IN_TURN)
        shows_strip = (strip, controls, self.strip, IN_TURN)
        for control in self.factors:
            if isinstance(control, gr.Slider):
                _chain(control.input, shows_picture)
                _chain(control.release, shows_grid, shows_strip)
            else:
                _chain(control.input, shows_picture, shows_grid, shows_strip)
        for control in (self.rows, self.columns, self.top):
            _chain(control.input, shows_grid, shows_picture)
        new_ends = (self._strip_values, self.strip_of, [self.start, self.end], AT_ONCE)
        _chain(self.strip_of.input, new_ends, shows_strip, shows_picture)
        for control in (self.start, self.end, self.count):
            _chain(control.input, shows_strip, shows_picture)
        chosen_cell = (self._click, in_turn, [*self.factors, self.picture], PICTURE)
        _chain(self.grid.click, chosen_cell, (self._cell, controls, self.cell, IN_TURN), shows_strip)
        self._wire_blending(shows_grid, shows_strip)
        for button, make in (
            (self.picture_button, panels.picture_file),
            (self.grid_button, panels.grid_file),
            (self.gif_button, panels.strip_file),
            (self.strip_button, panels.strip_picture),
        ):
            button.click(self._of_controls(make), controls, self.saved, **IN_TURN)
        self.draw_button.click(
            panels.photograph, [self.photograph, self.changing, self.shows, self.force], self.drawn, **IN_TURN
        )
        self.blocks.load(
            self._load, self.query, [*controls, self.status, self.picture, self.grid, self.strip],
            js="() => [window.location.search]", **AT_ONCE,
        )  # fmt: skip
        gr.Timer(SECONDS_BETWEEN_LOOKS).tick(
            self._look,
            in_turn,
            [self.status, self.picture, self.grid, self.strip],
            **PICTURE,
        )

    def _load(self, query: str) -> list[Any]:
        """What a link asks for."""
        chosen, wrong = Selection.of_link(self.space, query.removeprefix("?"))
        for line in wrong:
            gr.Warning(line)
        values, texts = self._values(chosen.values)
        chosen = replace(chosen, values=texts)
        listed = choices(self.space[chosen.strip])
        start, end = (gr.update(value=text, choices=listed) for text in (chosen.start, chosen.end))
        shown = [*values, chosen.rows, chosen.columns, chosen.strip, start, end, chosen.count, chosen.top]
        return [*shown, self.panels.status(), *self._all(chosen)]

    def _all(self, chosen: Selection) -> list[str]:
        return [self.panels.picture(chosen), self.panels.grid(chosen), self.panels.strip(chosen)]

    def _values(self, texts: dict[str, str]) -> tuple[list[Any], dict[str, str]]:
        """What the controls of the factors show for texts, and the texts that they then stand for."""
        values = [control_value(factor, texts[factor.name]) for factor in self.space]
        return values, {f.name: text_of(f, value) for f, value in zip(self.space, values, strict=True)}

    def _look(self, number: float, request: gr.Request, *values: Any) -> list[Any]:
        """Show newer checkpoints, and say what became of the runs."""
        changed = [run.refresh() for run in self.panels.runs]
        if not any(changed):
            return [gr.skip()] * 4
        show = self._in_turn(
            lambda *values: [self.panels.status(), *self._all(self.chosen(values))], always=1
        )
        return list(show(number, request, *values))

    def _click(self, number: float, event: gr.EventData, request: gr.Request, *values: Any) -> list[Any]:
        """Choose the cell of the grid that was clicked on."""
        self.turns.answer(str(request.session_hash), number)
        chosen = self.chosen(values)
        pictures, columns, _ = self.panels.grid_page(chosen)
        chosen = replace(chosen, values=pictures[int(event.row) * columns + int(event.column)])
        return [*self._values(chosen.values)[0], self.panels.picture(chosen)]

    def _cell(self, *values: Any) -> Any:
        yield from self.panels.cell(self.chosen(values))

    def _strip_values(self, name: str) -> list[Any]:
        factor = self.space[name]
        listed, ends = choices(factor), (factor.values[0], factor.values[-1])
        return [gr.update(choices=listed, value=end) for end in ends]

    def _wire_blending(self, *shows_others: tuple[Any, ...]) -> None:
        controls = self.controls

        def values_changed(name: str, parts: list[str], *values: Any) -> list[Any]:
            sliders = [
                gr.update(visible=n < len(parts), label=parts[n] if n < len(parts) else "", value=0.5)
                for n in range(MOST_BLENDED)
            ]
            return [*sliders, *show(name, dict.fromkeys(parts, 0.5), values)]

        def weights_changed(name: str, parts: list[str], *rest: Any) -> list[Any]:
            return show(name, dict(zip(parts, rest[:MOST_BLENDED], strict=False)), rest[MOST_BLENDED:])

        def show(name: str, weights: dict[str, float], values: Sequence[Any]) -> list[Any]:
            chosen = self.chosen(values)
            if weights:
                chosen = replace(chosen, values={**chosen.values, name: blend(weights)})
            return [
                *(chosen.values[f.name] if f.name == name else gr.skip() for f in self.space),
                self.panels.picture(chosen),
            ]

        shown = [*self.factors, self.picture]
        self.blended.input(
            lambda name: [gr.update(choices=choices(self.space[name]), value=[]), *[gr.update(visible=False)] * MOST_BLENDED],
            self.blended, [self.parts, *self.weights], **AT_ONCE,
        )  # fmt: skip
        whole_blend = [self.asked, self.blended, self.parts, *controls]
        new_parts = (
            self._in_turn(values_changed, always=MOST_BLENDED),
            whole_blend,
            [*self.weights, *shown],
            PICTURE,
        )
        _chain(self.parts.input, new_parts, *shows_others)
        weighted = [self.asked, self.blended, self.parts, *self.weights, *controls]
        for slider in self.weights:
            _chain(slider.input, (self._in_turn(weights_changed), weighted, shown, PICTURE))
            _chain(slider.release, *shows_others)
