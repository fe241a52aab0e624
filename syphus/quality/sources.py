"""Words for what the model was given to read, as patterns in lower case."""

from __future__ import annotations

from typing import Final

# What only the annotation can be, where nothing says that it is seen in the picture. A camera puts
# one time stamp into it, an annotation has many.
ANNOTATION: Final = (
    r"(?:descriptions?|captions?|annotations?|narrations?|transcripts?|bounding[ -]?box(?:es)?"
    r"|metadata|time ?stamps|coordinates)"
)
# What is the annotation only where it is said to be given.
TEXT: Final = r"(?:text|passage|context|information|sentences?|paragraph|details?|input|prompt)"
GIVEN: Final = r"(?:given|provided|supplied|above|preceding|input)"
MEDIUM: Final = r"(?:images?|pictures?|photos?|photographs?|videos?|clips?|scenes?|frames?|footage)"
# "the caption on the poster", "the description of the product", "the information desk": seen.
NOT_SEEN: Final = (
    r"(?! (?:on|under|underneath|below|beneath|at|in|inside|beside|behind|next|printed|written"
    r"|painted|displayed|by|near|across|along|for|board|desk|booth|panel|screen|sign|display"
    r"|message|messages|cent(?:er|re)|counter)\b)"
    rf"(?! of (?!(?:the|this|an?|each|both) (?:\w+ )?(?:{MEDIUM}|events?)\b))"
)
