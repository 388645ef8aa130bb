// Overlap of convex quads, and what rests on it.
//
// The area two convex quads share is found by Sutherland and Hodgman's clipping: one quad is cut with
// the four lines of the other in turn. That takes some 150 operations and two short lists of corners
// a pair, so the point is to do it for few pairs: most boxes of a page lie apart, and a comparison of
// their upright bounding boxes says so. Corners are taken relative to one of them before they are
// multiplied with each other; far from the origin a float would lose the digits that matter.
//
// Variants: Real=float; Real=double

struct Point { Real x, y; };

struct Quad { Point corner[4]; };

__device__ __forceinline__ Quad load_quad(const Real* values)
{
    Quad quad;
    for (int i = 0; i < 4; ++i) quad.corner[i] = {values[2 * i], values[2 * i + 1]};
    return quad;
}

// The corners of (cx, cy, w, h, angle), clockwise as seen on a screen with y pointing down, relative
// to an origin.
__device__ __forceinline__ Quad corners_of(const Real* box, Real origin_x, Real origin_y)
{
    Real cosine = cos(box[4]), sine = sin(box[4]);
    Real along_x = cosine * box[2] / 2, along_y = -sine * box[2] / 2;
    Real down_x = sine * box[3] / 2, down_y = cosine * box[3] / 2;
    Real x = box[0] - origin_x, y = box[1] - origin_y;
    return {{{x - along_x - down_x, y - along_y - down_y},
             {x + along_x - down_x, y + along_y - down_y},
             {x + along_x + down_x, y + along_y + down_y},
             {x - along_x + down_x, y - along_y + down_y}}};
}

// Products that are rounded before they are subtracted. Fused with the subtraction, one of them would
// not be: the cross product of a vector with itself would not be 0, and a box without area have some.
__device__ __forceinline__ float times(float a, float b) { return __fmul_rn(a, b); }
__device__ __forceinline__ double times(double a, double b) { return __dmul_rn(a, b); }

__device__ __forceinline__ Real cross(Point a, Point b) { return times(a.x, b.y) - times(a.y, b.x); }

__device__ __forceinline__ Point minus(Point a, Point b) { return {a.x - b.x, a.y - b.y}; }

// Twice the area between the corners and the first one; positive where they run clockwise.
__device__ __forceinline__ Real twice_area(const Point* polygon, int count)
{
    Real sum = 0;
    for (int i = 2; i < count; ++i)
        sum += cross(minus(polygon[i - 1], polygon[0]), minus(polygon[i], polygon[0]));
    return sum;
}

__device__ __forceinline__ Real area_of(const Quad& quad) { return twice_area(quad.corner, 4) / 2; }

__device__ __forceinline__ bool apart(const Quad& a, const Quad& b)
{
    Real low_a = a.corner[0].x, high_a = low_a, low_b = b.corner[0].x, high_b = low_b;
    for (int i = 1; i < 4; ++i) {
        low_a = min(low_a, a.corner[i].x), high_a = max(high_a, a.corner[i].x);
        low_b = min(low_b, b.corner[i].x), high_b = max(high_b, b.corner[i].x);
    }
    if (high_a <= low_b || high_b <= low_a) return true;
    low_a = high_a = a.corner[0].y, low_b = high_b = b.corner[0].y;
    for (int i = 1; i < 4; ++i) {
        low_a = min(low_a, a.corner[i].y), high_a = max(high_a, a.corner[i].y);
        low_b = min(low_b, b.corner[i].y), high_b = max(high_b, b.corner[i].y);
    }
    return high_a <= low_b || high_b <= low_a;
}

// The area shared by two clockwise convex quads: `subject` is cut with every edge of `window`.
__device__ Real intersection_of(const Quad& subject, const Quad& window)
{
    // Every cut adds one corner at most; rounding can make a sliver cross a line once too often, and
    // what does not fit is left out.
    Point kept[8], cut[8];
    Point origin = window.corner[0];
    for (int i = 0; i < 4; ++i) kept[i] = minus(subject.corner[i], origin);
    int count = 4;
    for (int edge = 0; edge < 4 && count > 0; ++edge) {
        Point start = minus(window.corner[edge], origin);
        Point direction = minus(window.corner[(edge + 1) & 3], window.corner[edge]);
        int found = 0;
        Point from = kept[count - 1];
        Real side_from = cross(direction, minus(from, start));
        for (int i = 0; i < count; ++i) {
            Point to = kept[i];
            Real side_to = cross(direction, minus(to, start));
            if ((side_from >= 0) != (side_to >= 0) && found < 8) {
                Real part = side_from / (side_from - side_to);
                cut[found++] = {from.x + part * (to.x - from.x), from.y + part * (to.y - from.y)};
            }
            if (side_to >= 0 && found < 8) cut[found++] = to;
            from = to, side_from = side_to;
        }
        count = found;
        for (int i = 0; i < count; ++i) kept[i] = cut[i];
    }
    return max(twice_area(kept, count) / 2, (Real)0);
}

__device__ __forceinline__ Real iou_of(const Quad& a, const Quad& b)
{
    if (apart(a, b)) return 0;
    Real shared = intersection_of(a, b);
    Real area = area_of(a), other_area = area_of(b), joined = area + other_area - shared;
    // A box without area shares none, though a point has no sides to cut with.
    return area > 0 && other_area > 0 && joined > 0 ? shared / joined : 0;
}

// One thread for each pair: x counts the second list, so that a warp writes neighbouring results.
// Budget: 112 registers
extern "C" __global__ void __launch_bounds__(128)
pairwise(const Real* first,   // [count_first * 5]
         const Real* second,  // [count_second * 5]
         int count_first, int count_second,
         Real* overlaps)      // [count_first * count_second]
{
    int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
    if (i >= count_first || j >= count_second) return;
    const Real* box = first + 5 * i;
    Quad a = corners_of(box, box[0], box[1]), b = corners_of(second + 5 * j, box[0], box[1]);
    overlaps[(Index)i * count_second + j] = iou_of(a, b);
}

// One thread a quad.
// Budget: 48 registers
extern "C" __global__ void __launch_bounds__(256)
to_quads(const Real* boxes,  // [count * 5]
         int count,
         Real* quads)        // [count * 8]
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    Quad quad = corners_of(boxes + 5 * i, 0, 0);
    for (int corner = 0; corner < 4; ++corner) {
        quads[8 * i + 2 * corner] = quad.corner[corner].x;
        quads[8 * i + 2 * corner + 1] = quad.corner[corner].y;
    }
}

// Who would suppress whom: bit j of row i says that quad i overlaps the later quad j by more than the
// threshold. A block compares 64 quads with 64 others, which it keeps in shared memory; each thread
// writes one word of 64 bits. Blocks below the diagonal have nothing to say.
// Budget: 96 registers
extern "C" __global__ void __launch_bounds__(64)
suppress_quads(const Real* quads,          // [count * 8]
               int count, Real threshold, int words,
               unsigned long long* later)  // [count * words]
{
    int row = blockIdx.y, column = blockIdx.x;
    if (row > column) return;
    __shared__ Real others[64 * 8];
    int first = row * 64, first_other = column * 64;
    int number = min(count - first, 64), number_of_others = min(count - first_other, 64);
    for (int i = threadIdx.x; i < 8 * number_of_others; i += blockDim.x)
        others[i] = quads[8 * first_other + i];
    __syncthreads();
    if (threadIdx.x >= number) return;
    int own = first + threadIdx.x;
    Quad quad = load_quad(quads + 8 * own);
    unsigned long long bits = 0;
    for (int j = row == column ? threadIdx.x + 1 : 0; j < number_of_others; ++j)
        if (iou_of(quad, load_quad(others + 8 * j)) > threshold) bits |= 1ull << j;
    later[(Index)own * words + column] = bits;
}

// Turn the corners of `quad` so that they lie nearest to those of `model`, as numbers 0 to 3.
__device__ int best_turn(const Quad& quad, const Quad& model)
{
    int best = 0;
    Real least = 0;
    for (int turn = 0; turn < 4; ++turn) {
        Real sum = 0;
        for (int i = 0; i < 4; ++i) {
            Point d = minus(quad.corner[(i + turn) & 3], model.corner[i]);
            sum += d.x * d.x + d.y * d.y;
        }
        if (turn == 0 || sum < least) least = sum, best = turn;
    }
    return best;
}

// EAST's merging of neighbours is a chain: each quad is compared with what all before it became. One
// thread walks along it. That is no work for a GPU, but copying the quads to the host and back would
// take longer than walking.
// Budget: 128 registers
extern "C" __global__ void __launch_bounds__(32)
merge_in_order(const Real* quads,    // [count * 8]
               const Real* scores,   // [count]
               int count, Real threshold,
               Real* merged,         // [count * 8]
               Real* merged_scores,  // [count]
               int* merged_count)    // [1]
{
    if (threadIdx.x || blockIdx.x) return;
    int last = -1;
    Quad current;
    Real weight = 0;
    for (int i = 0; i < count; ++i) {
        Quad quad = load_quad(quads + 8 * i);
        Real score = scores[i];
        if (last >= 0 && iou_of(current, quad) > threshold) {
            int turn = best_turn(quad, current);
            Real part = score / (weight + score);
            for (int k = 0; k < 4; ++k) {
                Point to = quad.corner[(k + turn) & 3];
                current.corner[k].x += part * (to.x - current.corner[k].x);
                current.corner[k].y += part * (to.y - current.corner[k].y);
            }
            weight += score;
        } else {
            ++last;
            current = quad;
            weight = score;
        }
        for (int k = 0; k < 4; ++k) {
            merged[8 * last + 2 * k] = current.corner[k].x;
            merged[8 * last + 2 * k + 1] = current.corner[k].y;
        }
        merged_scores[last] = weight;
    }
    *merged_count = last + 1;
}
