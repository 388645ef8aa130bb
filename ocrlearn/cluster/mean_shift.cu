// Mean shift: climbs of pixels and of points to their modes, and the joining of pixels to segments.
//
// A climb is a loop with nothing to share, so each thread makes one. What counts is how it reads:
//
// - A pixel's window moves with it, so no fixed piece of the image in shared memory would hold it. But
//   the windows of a block's pixels overlap almost wholly and lie in the first-level cache: 32 x 8
//   windows of radius 8 span 48 x 24 pixels, 4.6 KB when a pixel is one word of 32 bits. In the first
//   step a warp reads 32 neighbouring words in one transaction; later the windows drift apart, but
//   neighbours with the same mode drift together.
// - Among points, every climb reads all points in the same order, so a block brings them to shared
//   memory piece by piece, and a piece is read by all its threads at once.
//
// Pixels are joined by union-find with atomicMin: a parent only ever becomes smaller, so whatever the
// order, the root of a segment ends as its first pixel.
//
// Variants: D=2; D=1; D=3; D=5

#ifndef D
#define D 2
#endif

// base + total / count, rounded to the nearest whole number, halves to even.
__device__ int mean_from(int base, int total, int count)
{
    int whole = total / count;
    int rest = total - whole * count;
    if (rest < 0) {  // C rounds towards 0, we need the floor
        whole -= 1;
        rest += count;
    }
    whole += base;
    return whole + (2 * rest > count || (2 * rest == count && (whole & 1)));
}

__device__ int square(int value) { return value * value; }

// Budget: 48 registers
extern "C" __global__ void __launch_bounds__(256)
converge(const uchar4* image,  // [height * width], the fourth byte unused
         int height, int width, int radius, int squared_range, int iterations, int tolerance,
         uchar4* colours,      // [height * width]
         int2* positions)      // [height * width], (x, y)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    Index own = (Index)y * width + x;
    uchar4 start = image[own];
    int r = start.x, g = start.y, b = start.z;

    for (int iteration = 0; iteration < iterations; ++iteration) {
        int left = max(x - radius, 0), right = min(x + radius, width - 1);
        int top = max(y - radius, 0), bottom = min(y + radius, height - 1);
        int count = 0, sum_x = 0, sum_y = 0, sum_r = 0, sum_g = 0, sum_b = 0;
        for (int v = top; v <= bottom; ++v) {
            const uchar4* row = image + (Index)v * width;
            int in_row = 0;
            for (int u = left; u <= right; ++u) {
                uchar4 pixel = row[u];
                int dr = pixel.x - r, dg = pixel.y - g, db = pixel.z - b;
                if (square(dr) + square(dg) + square(db) <= squared_range) {
                    in_row += 1;
                    sum_x += u - x;  // offsets are small, so the sums fit 32 bits
                    sum_r += dr;
                    sum_g += dg;
                    sum_b += db;
                }
            }
            count += in_row;
            sum_y += in_row * (v - y);
        }
        if (count == 0) break;

        int last_r = r, last_g = g, last_b = b, last_x = x, last_y = y;
        x = mean_from(x, sum_x, count);
        y = mean_from(y, sum_y, count);
        r = mean_from(r, sum_r, count);
        g = mean_from(g, sum_g, count);
        b = mean_from(b, sum_b, count);
        int moved = abs(x - last_x) + abs(y - last_y);
        int recoloured = square(r - last_r) + square(g - last_g) + square(b - last_b);
        if (moved == 0 || moved + recoloured <= tolerance) break;
    }
    colours[own] = make_uchar4(r, g, b, 0);
    positions[own] = make_int2(x, y);
}

// The root of a pixel. Others may be joining trees meanwhile; volatile makes every step read memory anew.
__device__ int find_root(const volatile int* parent, int item)
{
    int above = parent[item];
    while (above != item) {
        item = above;
        above = parent[item];
    }
    return item;
}

// Makes one tree of two. The greater root is hung under the smaller; if another thread was faster and
// it is no root any more, atomicMin tells what it hangs under, and that is joined instead.
__device__ void unite(int* parent, int one, int other)
{
    while (true) {
        one = find_root(parent, one);
        other = find_root(parent, other);
        if (one == other) return;
        int low = min(one, other), high = max(one, other);
        int before = atomicMin(&parent[high], low);
        if (before == high) return;
        one = before;
        other = low;
    }
}

// Joins every pixel with those of its neighbours that come before it and whose modes are close.
//
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
join(const uchar4* colours,   // [height * width]
     const int2* positions,   // [height * width]
     int height, int width, int radius, int squared_range,
     int* parent)             // [height * width], every pixel its own at first
{
    int x = blockIdx.x * blockDim.x + threadIdx.x;
    int y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    Index own = (Index)y * width + x;
    uchar4 colour = colours[own];
    int2 place = positions[own];
    for (int neighbour = 0; neighbour < 4; ++neighbour) {  // left, and the three above
        int u = neighbour == 0 ? x - 1 : x + neighbour - 2;
        int v = neighbour == 0 ? y : y - 1;
        if (u < 0 || u >= width || v < 0) continue;
        Index at = (Index)v * width + u;
        uchar4 other = colours[at];
        int2 other_place = positions[at];
        int squared = square(colour.x - other.x) + square(colour.y - other.y) +
                      square(colour.z - other.z);
        if (squared <= squared_range && abs(place.x - other_place.x) <= radius &&
            abs(place.y - other_place.y) <= radius)
            unite(parent, (int)own, (int)at);
    }
}

// Writes every pixel's root. The result is another array, so that no thread reads what one writes.
//
// Budget: 24 registers
extern "C" __global__ void __launch_bounds__(256)
flatten(const int* parent,  // [count]
        int count,
        int* roots)         // [count]
{
    Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count) roots[i] = find_root(parent, (int)i);
}

// A climb a thread among points. The block goes on until the last of its climbs rests, because all of
// its threads are needed to bring the points; those at rest wait.
//
// Budget: 56 registers
extern "C" __global__ void __launch_bounds__(128)
seek(const float* points,  // [count * D]
     int count,
     const float* seeds,   // [climbers * D]
     int climbers, float squared_bandwidth, int iterations, float squared_tolerance,
     float* ends,          // [climbers * D]
     int* counts)          // [climbers]
{
    __shared__ float piece[128 * D];

    Index own = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    bool moving = own < climbers;
    float place[D];
    for (int d = 0; d < D; ++d) place[d] = moving ? seeds[own * D + d] : 0.0f;
    int inside = 0;

    for (int iteration = 0; iteration < iterations; ++iteration) {
        float step[D];
        for (int d = 0; d < D; ++d) step[d] = 0.0f;
        if (moving) inside = 0;
        for (int start = 0; start < count; start += blockDim.x) {
            int present = min((int)blockDim.x, count - start);
            __syncthreads();  // nobody reads the piece before any more
            for (int i = threadIdx.x; i < present * D; i += blockDim.x)
                piece[i] = points[(Index)start * D + i];
            __syncthreads();
            if (!moving) continue;
            for (int i = 0; i < present; ++i) {
                float offset[D], squared = 0.0f;
                for (int d = 0; d < D; ++d) {
                    offset[d] = piece[i * D + d] - place[d];
                    squared += offset[d] * offset[d];
                }
                if (squared <= squared_bandwidth) {
                    inside += 1;
                    for (int d = 0; d < D; ++d) step[d] += offset[d];
                }
            }
        }
        if (moving && inside > 0) {
            float squared = 0.0f;
            for (int d = 0; d < D; ++d) {
                float mean = step[d] / inside;
                place[d] += mean;
                squared += mean * mean;
            }
            moving = squared > squared_tolerance;
        } else {
            moving = false;
        }
        if (!__syncthreads_or(moving)) break;
    }

    if (own < climbers) {
        for (int d = 0; d < D; ++d) ends[own * D + d] = place[d];
        counts[own] = inside;
    }
}
