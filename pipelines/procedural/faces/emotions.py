"""The seven expressions of KDEF as movements of a face, after Ekman and Friesen's action units (AU)."""

from dataclasses import dataclass, fields, replace

# Afraid, angry, disgusted, happy, neutral, sad, surprised.
EMOTIONS = ("AF", "AN", "DI", "HA", "NE", "SA", "SU")


@dataclass(frozen=True)
class Expression:
    """Strength of every movement: 0 at rest, 1 strong; some have an opposite below 0."""

    brow_inner_up: float = 0.0  # AU 1
    brow_outer_up: float = 0.0  # AU 2
    brow_down: float = 0.0  # AU 4
    brow_together: float = 0.0  # AU 4
    upper_lid_up: float = 0.0  # AU 5; below 0 it droops
    lower_lid_up: float = 0.0  # AU 7
    cheek_up: float = 0.0  # AU 6
    nose_wrinkled: float = 0.0  # AU 9
    upper_lip_up: float = 0.0  # AU 10
    corners_up: float = 0.0  # AU 12; below 0 they sink, AU 15
    corners_out: float = 0.0  # AU 20; below 0 the mouth is narrow
    lips_pressed: float = 0.0  # AU 24
    chin_up: float = 0.0  # AU 17
    lips_apart: float = 0.0  # AU 25
    jaw_down: float = 0.0  # AU 26

    def scaled(self, strength: float) -> "Expression":
        return replace(self, **{f.name: strength * getattr(self, f.name) for f in fields(self)})


EXPRESSIONS = {
    "AF": Expression(
        brow_inner_up=0.9,
        brow_outer_up=0.45,
        brow_together=0.7,
        upper_lid_up=1.0,
        lower_lid_up=0.35,
        corners_up=-0.35,
        corners_out=0.8,
        lips_apart=0.55,
        jaw_down=0.25,
    ),
    "AN": Expression(
        brow_down=1.0,
        brow_together=1.0,
        upper_lid_up=0.25,
        lower_lid_up=0.6,
        corners_up=-0.3,
        corners_out=-0.25,
        lips_pressed=1.0,
        chin_up=0.4,
    ),
    "DI": Expression(
        brow_down=0.6,
        brow_together=0.5,
        upper_lid_up=-0.3,
        lower_lid_up=0.9,
        cheek_up=0.6,
        nose_wrinkled=1.0,
        upper_lip_up=1.0,
        corners_up=-0.35,
        lips_apart=0.3,
        chin_up=0.3,
    ),
    "HA": Expression(
        upper_lid_up=-0.15,
        lower_lid_up=0.7,
        cheek_up=1.0,
        upper_lip_up=0.25,
        corners_up=1.0,
        corners_out=0.8,
        lips_apart=0.5,
        jaw_down=0.1,
    ),
    "NE": Expression(),
    "SA": Expression(
        brow_inner_up=1.0,
        brow_outer_up=-0.35,
        brow_together=0.6,
        upper_lid_up=-0.55,
        lower_lid_up=0.15,
        corners_up=-0.85,
        corners_out=-0.1,
        chin_up=0.9,
    ),
    "SU": Expression(
        brow_inner_up=1.0,
        brow_outer_up=1.0,
        upper_lid_up=0.9,
        corners_up=-0.05,
        corners_out=-0.55,
        lips_apart=0.8,
        jaw_down=1.0,
    ),
}
