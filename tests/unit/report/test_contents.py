from loadlab.report.contents import Entry, contents_of


def test_sections_are_listed_by_their_headings() -> None:
    html = """
        <section class="seen" id="seen"><h2>In detail</h2><h2>not the second one</h2></section>
        <section id="throughput"><p>first</p><h2>Throughput &amp; <b>more</b>, closed model</h2><h3>Panel</h3></section>
        <section><h2>without a place to lead to</h2></section>
    """
    assert contents_of(html, ", closed model") == [
        Entry("seen", "In detail"),
        Entry("throughput", "Throughput & more"),
    ]


def test_a_section_without_heading_is_not_listed() -> None:
    assert contents_of('<section id="x"></section><section id="y"><h2> </h2></section>') == []
