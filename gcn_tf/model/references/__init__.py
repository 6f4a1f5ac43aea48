"""A generator that looks at seen pictures: it takes the nearest one, moves it into the wanted pose, and finishes it."""
