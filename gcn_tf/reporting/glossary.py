"""What the terms of a report mean: one source for the text below the tables and for the explanations of their heads."""

import re

CELLS = """
*Cell*: one value of every factor. *Seen*: training had its picture. *Unseen low-level*: training never had it, but had
its base image in other variations (another colour, another rotation). *Unseen high-level*: no picture of its base image
was there at all (a whole digit of a writer). Seen cells tell how well the generator remembers, unseen ones what it understood.

Everything is measured on images as users get them: clipped to [0, 1] and rounded to 8 bits.
"""

METRICS = {
    "PSNR": "likeness to the true picture in decibels of the squared error, higher is better. It prefers an average of several pictures "
    "to a stroke in another place.",
    "SSIM": "likeness of the local structure to that of the true picture, higher is better, 1 for a perfect copy.",
    "Normalised Euclidean error": "0 is a perfect copy, 1 is as far as a random other picture.",
    "Sharpness": "energy of the picture's gradient over that of the true one. 1 is as sharp as reality, an average of several "
    "pictures is well below.",
    "Classified correctly": "share of pictures that a judge classifies as the value that was wanted. A factor counts where the "
    "judge recognises it in real pictures that were kept from it, at least a third of the way from guessing the most frequent "
    "value to no mistake; *all factors* are those.",
    "Stray ink": "share of a picture's energy where the true picture has no ink within a fourteenth of the side. Pictures that "
    "are classified correctly *with* stray ink are no success: a mark in a corner can stand for a writer.",
    "Copying": "share of unseen cells whose picture is nearer to some training picture than to its own true one.",
    "Told from real pictures": "share of real and generated pictures of unseen cells that a classifier, trained to distinguish them "
    "by their brightness, edges and colors, tells correctly in cells that it did not learn from. 0.5 is the aim: nothing gives the "
    "generated ones away. 1: all of them are recognised, by fog, blur, noise or patches, even where nobody would see it.",
    "Hand": "correlation of the width (slant, ...) of real and generated figures of unseen cells, given what is usual for the content: 1, "
    "what a writer or person changes in a figure is changed in the generated one; 0, it has everybody's hand.",
    "KID": "distance of the set of generated pictures from the set of real ones in the features of the convolutional judge, "
    "not of Inception: compare it within one dataset. 0 is no distance; the kernel distance, unbiased by the number of pictures.",
    "FID": "distance as KID, between normal distributions: compare it within one dataset and for sets of one size only.",
    "Calibration error": "how far the classifier's confidence is from its accuracy on average (expected calibration error, 15 bins); of few "
    "pictures it is too high.",
    "Temperature": "what the classifier's logits are divided by, so that its confidence is its accuracy.",
}

INTERVALS = """
In brackets: 95 % intervals. Pictures that share a base image are resampled together (bootstrap; KID and FID: jackknife);
where all cells were classified correctly or none, the exact binomial end for that many base images.
"""

GLOSSARY = "\n".join([CELLS, *(f"- *{term}*: {meaning}" for term, meaning in METRICS.items()), INTERVALS])

ACCURACY = re.compile(r"classified correctly|^.+, (convolutional|hog)( judge\b| / )")  # "digit, hog judge"


def term_of(head: str) -> str:
    """The term of `METRICS` that the head of a row or column is about, "" for none.

    >>> term_of("KID of the judge's features"), term_of("PSNR (dB)"), term_of("writer, convolutional / hog")
    ('KID', 'PSNR', 'Classified correctly')
    >>> term_of("mean over writer")
    ''
    """
    if ACCURACY.search(head):
        return "Classified correctly"
    start = re.split(r"\W(?:of|correlation)\b|[:(,]", head.strip().lower())[0].strip()
    return next((term for term in METRICS if term.lower() == start), "")


def plain(meaning: str) -> str:
    """A meaning without the stars of Markdown, as a sentence.

    >>> plain("share of *all*.")
    'Share of all.'
    """
    text = meaning.replace("*", "")
    return text[:1].upper() + text[1:]
