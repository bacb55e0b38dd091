"""Names beside points."""

from __future__ import annotations

from pipeline.report.label_places import Place, places


def test_a_name_stays_inside_the_chart() -> None:
    at_right, at_left = places([(190.0, 50.0), (10.0, 50.0)], ["train", "serve"], 200, 100)
    assert at_right == Place(182.0, 50.0, is_right=False, is_near=True)
    assert at_left == Place(18.0, 50.0, is_right=True, is_near=True)


def test_names_cover_neither_each_other_nor_points() -> None:
    points = [(20.0, 50.0)] * 3 + [(50.0, 36.0)]
    chosen = places(points, ["train"] * 3, 200, 100)
    assert chosen[0].is_near
    assert not chosen[1].is_near
    boxes = [(place.x, place.x + 35, place.y - 7, place.y + 7) for place in chosen]
    for at, (left, right, top, bottom) in enumerate(boxes):
        assert not (left < 50 < right and top < 36 < bottom)
        assert all(bottom <= box[2] or box[3] <= top or right <= box[0] for box in boxes[at + 1 :])
