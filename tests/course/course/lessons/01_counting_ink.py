# ---
# jupyter:
#   ocrlearn:
#     title: Counting ink
#     summary: How much of a page is ink, and what a threshold has to do with it.
#     part: I
#     minutes: 5
#     needs: [indexing NumPy arrays]
#     outcomes:
#       - count the ink of a page
#       - choose a threshold
#     budget: 60
# ---

# %%
import numpy as np

from ocrlearn._validate import check_image
from ocrlearn.course import check, claim, figures

figures.use_style()
PAPER = 230

# %% [markdown]
# A page is mostly paper.

# %%
rng = np.random.default_rng(1)
page = np.full((40, 60), PAPER, dtype=np.uint8)
page[10:14, 5:55] = 30
noisy = np.clip(page + rng.normal(0, 8, page.shape), 0, 255).astype(np.uint8)
figures.show_images(
    [page, noisy, noisy < 128],
    ["drawn", "as scanned", "its ink"],
    alt="A dark bar on a light page: clean, with noise, and as a mask of its ink.",
)


# %%
# same-as: ocrlearn.image.convert.to_float
def to_float(image):
    """Read me in the chapter instead."""
    array = check_image(image)
    if array.dtype == np.uint8:
        return array.astype(np.float32) / np.float32(255)
    if array.dtype == np.bool_:
        return array.astype(np.float32)
    return array


# %% tags=["nbval-check-output"]
share = (noisy < 128).mean()
claim(f"{share:.1%} of the page is ink", abs(share - 200 / 2400) < 0.001)

# %% [markdown]
# ## Exercise 1.1
#
# Write `ink_share(image, threshold)`: which part of the pixels is darker than `threshold`?


# %%
def ink_share(image, threshold):
    """Return the share of pixels of `image` that are darker than `threshold`."""
    ### BEGIN SOLUTION
    return np.mean(image < threshold)
    ### END SOLUTION


# %% tags=["nbval-check-output"]
check("1.1", ink_share)

# %% [markdown]
# ## Exercise 1.2
#
# How likely is it that eighteen letters, each read rightly with probability 0.99, are all right?

# %%
### BEGIN SOLUTION
all_right = 0.99**18
### END SOLUTION

# %%
check("1.2", all_right)

# %%
print(f"the chapter goes on: {page.mean():.1f}")
