from gcn_tf.reporting.lettering import shortened, text_width, wrapped


def test_a_short_line_stays_and_a_long_one_ends_with_an_ellipsis():
    assert shortened("digit=7", 200) == "digit=7"
    short = shortened("a name of many letters", 80)
    assert short.startswith("a name")
    assert short.endswith("…")
    assert text_width(short) <= 80


def test_lines_break_between_words_and_at_line_ends():
    assert wrapped("person=017 gesture=3", 90) == ["person=017", "gesture=3"]
    assert wrapped("best\nperson=017 gesture=3", 400) == ["best", "person=017 gesture=3"]
    assert wrapped("", 90) == []


def test_of_too_many_lines_the_first_stay():
    lines = wrapped("one two three four five six", 45, 3)
    assert len(lines) == 3
    assert lines[0] == "one"
    assert lines[-1].endswith("…")
    assert all(text_width(line) <= 45 for line in lines)
