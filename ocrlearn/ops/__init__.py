"""Primitives shared by many methods; each is loaded when it is first used."""

from ocrlearn._lazy import attach

_EXPORTS = {
    "Automata": "lattice",
    "ComponentStats": "components",
    "Lattice": "lattice",
    "PackedLattices": "lattice",
    "best_path": "lattice",
    "best_path_decode": "ctc",
    "best_paths": "lattice",
    "box_sum": "integral",
    "check_ctc_feasible": "ctc",
    "component_stats": "components",
    "connected_components": "components",
    "connected_components_with_stats": "components",
    "ctc_backward": "ctc",
    "ctc_feasible": "ctc",
    "ctc_forward": "ctc",
    "ctc_loss": "ctc",
    "ctc_loss_and_gradient": "ctc",
    "ctc_loss_from_logits": "ctc",
    "integral_image": "integral",
    "local_mean_std": "integral",
    "locality_aware_nms": "nms",
    "mask_nms": "nms",
    "ps_roi_align": "roi_align",
    "ps_roi_align_gradient": "roi_align",
    "ps_roi_pool": "ps_roi",
    "ps_roi_pool_gradient": "ps_roi",
    "quad_nms": "nms",
    "roi_align_gradient": "roi_align",
    "roi_pool_gradient": "roi_pool",
    "roi_rotate_gradient": "roi_rotate",
    "roi_rotate_widths": "roi_rotate",
    "rotated_nms": "nms",
    "rotated_roi_pool": "roi_pool",
}
_MODULES = (
    "components",
    "ctc",
    "integral",
    "lattice",
    "nms",
    "ps_roi",
    "roi_align",
    "roi_pool",
    "roi_rotate",
    "rotated_iou",
)

__getattr__, __dir__, __all__ = attach(__name__, _EXPORTS, _MODULES)
