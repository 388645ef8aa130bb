// Connected components by union-find, numbered in raster order, and their measures.
//
// `parent` holds one entry a pixel: the index of another ink pixel of its component, never a later
// one. Following the entries ends at the root, which points to itself and is the first pixel of the
// component; joining two components hangs the later root under the earlier with atomicMin, which any
// number of threads may do at once (Komura 2015; Playne and Hawick 2018). In global memory that is
// slow where a component is large, so most of it happens in shared memory:
//
//   label_tiles   a block joins the pixels of a tile of 32 x 32. A row of the tile is one word with a
//                 bit a pixel, and bit arithmetic says where a run of ink begins and which of its
//                 contacts with the row above is the first of its kind: only that one is joined.
//   join_rows,    join what touches across the borders of the tiles, in global memory; some 6 % of
//   join_columns  the pixels lie there.
//   flatten       lets every pixel point at its root, and counts the roots of each block.
//   number_roots  replaces the roots by their numbers in raster order. The host has turned the
//                 blocks' counts into running sums.
//   relabel       gives every pixel its root's number.
//
// A pixel's index fits 31 bits; the host refuses larger images. Reads and writes of `parent` that
// may cross those of other threads are volatile: an old parent is as good as a new one, since both
// lead to the root, but the compiler must not keep one in a register.

#define TILE 32        // side of a tile: a warp holds one row of it
#define WARPS 8        // warps of a block
#define PAPER -1       // in `parent`, for pixels without ink
#define CHUNK 1024     // pixels that a block of `flatten` and `number_roots` handles
#define STRIP 128      // rows that a block of `measure` handles

__device__ int find_root(const volatile int* parent, int pixel)
{
    for (int next = parent[pixel]; next != pixel; next = parent[pixel]) pixel = next;
    return pixel;
}

__device__ void join(int* parent, int one, int other)
{
    while (true) {
        one = find_root(parent, one);
        other = find_root(parent, other);
        if (one == other) return;
        int later = max(one, other), earlier = min(one, other);
        int found = atomicMin(&parent[later], earlier);
        if (found == later) return;
        // Another thread was faster and has hung `later` elsewhere: join that place as well.
        one = found;
        other = earlier;
    }
}

// Budget: 24 registers
extern "C" __global__ void __launch_bounds__(256)
label_tiles(const unsigned char* mask,  // [height * width]
            int height, int width, int connectivity,
            int* parent)  // [height * width]
{
    __shared__ int local[TILE * TILE];
    __shared__ unsigned int ink[TILE];
    int lane = threadIdx.x, left = blockIdx.x * TILE, top = blockIdx.y * TILE;
    int x = left + lane;
    unsigned char pixels[TILE / WARPS];  // all reads are under way before the first is needed
#pragma unroll
    for (int k = 0; k < TILE / WARPS; ++k) {
        int y = top + threadIdx.y + k * WARPS;
        pixels[k] = x < width && y < height ? mask[(Index)y * width + x] : 0;
    }
#pragma unroll
    for (int k = 0; k < TILE / WARPS; ++k) {
        int row = threadIdx.y + k * WARPS;
        unsigned int bits = __ballot_sync(0xffffffffu, pixels[k]);
        unsigned int gaps_before = ~bits & ((1u << lane) - 1);
        int run_start = 32 - __clz(gaps_before);  // just after the last gap, or 0
        local[row * TILE + lane] = row * TILE + run_start;
        if (lane == 0) ink[row] = bits;
    }
    __syncthreads();

    for (int row = threadIdx.y; row < TILE; row += WARPS) {
        if (row == 0) continue;
        unsigned int here = ink[row], above = ink[row - 1], touching = here & above;
        int pixel = row * TILE + lane, over = pixel - TILE;
        // Of a stretch of contacts the first will do, since both runs hold together by themselves.
        if ((touching & ~(touching << 1)) >> lane & 1) join(local, pixel, over);
        if (connectivity == 4) continue;
        // Corner to corner: only where neither pixel beside the corner is ink.
        if ((here & ~above & ~(here << 1) & (above << 1)) >> lane & 1) join(local, pixel, over - 1);
        if ((here & ~above & ~(here >> 1) & (above >> 1)) >> lane & 1) join(local, pixel, over + 1);
    }
    __syncthreads();

    for (int row = threadIdx.y; row < TILE; row += WARPS) {
        int y = top + row;
        if (x >= width || y >= height) continue;
        int root = find_root(local, row * TILE + lane);
        parent[(Index)y * width + x] =
            ink[row] >> lane & 1 ? (top + root / TILE) * width + left + root % TILE : PAPER;
    }
}

__device__ bool is_ink(const unsigned char* mask, int height, int width, int y, int x)
{
    return x >= 0 && x < width && y >= 0 && y < height && mask[(Index)y * width + x];
}

// One thread for each pixel in the top row of a tile, but for the first row of tiles.
// Budget: 24 registers
extern "C" __global__ void __launch_bounds__(256)
join_rows(const unsigned char* mask,  // [height * width]
          int height, int width, int connectivity,
          int* parent)  // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = (blockIdx.y + 1) * TILE;
    if (x >= width || !is_ink(mask, height, width, y, x)) return;
    int pixel = y * width + x, over = pixel - width;
    bool before = is_ink(mask, height, width, y, x - 1);
    bool above_before = is_ink(mask, height, width, y - 1, x - 1);
    if (is_ink(mask, height, width, y - 1, x)) {
        if (!(before && above_before)) join(parent, pixel, over);
    } else if (connectivity == 8) {
        if (above_before && !before) join(parent, pixel, over - 1);
        bool after = is_ink(mask, height, width, y, x + 1);
        if (!after && is_ink(mask, height, width, y - 1, x + 1)) join(parent, pixel, over + 1);
    }
}

// One thread for each pixel in the left column of a tile, but for the first column of tiles. With
// corners it also joins its left neighbour to the pixel above itself.
// Budget: 24 registers
extern "C" __global__ void __launch_bounds__(256)
join_columns(const unsigned char* mask,  // [height * width]
             int height, int width, int connectivity,
             int* parent)  // [height * width]
{
    int y = blockIdx.x * blockDim.x + threadIdx.x, x = (blockIdx.y + 1) * TILE;
    if (y >= height) return;
    int pixel = y * width + x;
    bool here = is_ink(mask, height, width, y, x), before = is_ink(mask, height, width, y, x - 1);
    if (here && before) join(parent, pixel, pixel - 1);
    if (connectivity == 4 || here == before) return;
    bool above = is_ink(mask, height, width, y - 1, x);
    bool above_before = is_ink(mask, height, width, y - 1, x - 1);
    if (here && above_before && !above) join(parent, pixel, pixel - width - 1);
    if (before && above && !above_before) join(parent, pixel - 1, pixel - width);
}

// Budget: 24 registers
extern "C" __global__ void __launch_bounds__(256)
flatten(int size,
        volatile int* parent,  // [size]
        int* counts)           // [gridDim.x]
{
    int pixel = blockIdx.x * CHUNK + threadIdx.x;
    int first[CHUNK / 256];
#pragma unroll
    for (int k = 0; k < CHUNK / 256; ++k)
        first[k] = pixel + 256 * k < size ? parent[pixel + 256 * k] : PAPER;
    int roots = 0;
#pragma unroll
    for (int k = 0; k < CHUNK / 256; ++k) {
        bool is_root = false;
        if (first[k] != PAPER) {
            int root = find_root(parent, first[k]);
            if (root != first[k]) parent[pixel + 256 * k] = root;
            is_root = root == pixel + 256 * k;
        }
        roots += __syncthreads_count(is_root);
    }
    if (threadIdx.x == 0) counts[blockIdx.x] = roots;
}

// The number n of a root is stored as -1 - n, so that it cannot be taken for a pixel or for paper.
// A warp owns 128 consecutive pixels, four words of 32 bits.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
number_roots(int size,
             const int* counts_up_to,  // [gridDim.x]
             int* parent)              // [size]
{
    __shared__ int roots_of_warp[WARPS];
    __shared__ int roots_of_block;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int first = blockIdx.x * CHUNK + warp * (CHUNK / WARPS) + lane;
    unsigned int roots[CHUNK / WARPS / 32];
    int found = 0;
#pragma unroll
    for (int k = 0; k < CHUNK / WARPS / 32; ++k) {
        int pixel = first + 32 * k;
        roots[k] = __ballot_sync(0xffffffffu, pixel < size && parent[pixel] == pixel);
        found += __popc(roots[k]);
    }
    if (lane == 0) roots_of_warp[warp] = found;
    __syncthreads();
    if (threadIdx.x == 0) {
        roots_of_block = 0;
        for (int other = 0; other < WARPS; ++other) roots_of_block += roots_of_warp[other];
    }
    __syncthreads();
    int number = counts_up_to[blockIdx.x] - roots_of_block;
    for (int other = 0; other < warp; ++other) number += roots_of_warp[other];
#pragma unroll
    for (int k = 0; k < CHUNK / WARPS / 32; ++k) {
        if (roots[k] >> lane & 1)
            parent[first + 32 * k] = -2 - (number + __popc(roots[k] & ((1u << lane) - 1)));
        number += __popc(roots[k]);
    }
}

// Budget: 16 registers
extern "C" __global__ void __launch_bounds__(256)
relabel(int size,
        const int* parent,  // [size]
        int* labels)        // [size]
{
    int pixel = blockIdx.x * 256 + threadIdx.x;
    if (pixel >= size) return;
    int found = parent[pixel];
    labels[pixel] = -1 - (found >= 0 ? parent[found] : found);  // paper, -1, becomes 0
}

// Boxes, areas and moments of every label. A warp reads 32 pixels of a row and adds whole stretches
// of one label, so that a stroke costs a few atomics a row and not one a pixel. Nearly all of a page
// is paper, which would have every warp queue for row 0 of the results: each thread keeps count of
// the paper in its own column, and a block adds it once.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
measure(const int* labels,  // [height * width]
        int height, int width, int count,
        int* box,                    // [(count + 1) * 4]
        unsigned long long* area,    // [count + 1]
        unsigned long long* moment)  // [(count + 1) * 2]
{
    __shared__ int paper_box[4];  // left, top, and what is just beyond: right, bottom
    __shared__ unsigned long long paper[3];  // area and moments
    int lane = threadIdx.x, x = blockIdx.x * 32 + lane;
    if (threadIdx.y == 0 && lane < 4) paper_box[lane] = lane < 2 ? 0x7fffffff : -1;
    if (threadIdx.y == 0 && lane < 3) paper[lane] = 0;
    __syncthreads();

    int top = blockIdx.y * STRIP, bottom = min(top + STRIP, height);
    int paper_pixels = 0, paper_first = height, paper_last = -1;
    long long paper_y = 0;
    for (int y = top + threadIdx.y; y < bottom; y += WARPS) {
        int label = x < width ? labels[(Index)y * width + x] : -1;
        int label_before = __shfl_up_sync(0xffffffffu, label, 1);
        bool starts = lane == 0 || label != label_before;
        unsigned int all_starts = __ballot_sync(0xffffffffu, starts);
        unsigned int later_starts = all_starts & ~((2u << lane) - 1);
        int length = (later_starts ? __ffs(later_starts) - 1 : 32) - lane;
        if (label == 0) {
            ++paper_pixels;
            paper_y += y;
            paper_first = min(paper_first, y);
            paper_last = y;
        } else if (starts && label > 0 && label <= count) {
            atomicMin(&box[4 * label], x);
            atomicMin(&box[4 * label + 1], y);
            atomicMax(&box[4 * label + 2], x + length);
            atomicMax(&box[4 * label + 3], y + 1);
            atomicAdd(&area[label], (unsigned long long)length);
            unsigned long long sum_x = (unsigned long long)length * (2 * x + length - 1) / 2;
            atomicAdd(&moment[2 * label], sum_x);
            atomicAdd(&moment[2 * label + 1], (unsigned long long)length * y);
        }
    }
    // The warp adds up first: 256 threads at one counter in shared memory would wait in line.
    int paper_left = paper_pixels ? x : 0x7fffffff, paper_right = paper_pixels ? x + 1 : -1;
    long long paper_x = (long long)paper_pixels * x;
    for (int distance = 16; distance > 0; distance /= 2) {
        paper_left = min(paper_left, __shfl_xor_sync(0xffffffffu, paper_left, distance));
        paper_right = max(paper_right, __shfl_xor_sync(0xffffffffu, paper_right, distance));
        paper_first = min(paper_first, __shfl_xor_sync(0xffffffffu, paper_first, distance));
        paper_last = max(paper_last, __shfl_xor_sync(0xffffffffu, paper_last, distance));
        paper_pixels += __shfl_xor_sync(0xffffffffu, paper_pixels, distance);
        paper_x += __shfl_xor_sync(0xffffffffu, paper_x, distance);
        paper_y += __shfl_xor_sync(0xffffffffu, paper_y, distance);
    }
    if (lane == 0 && paper_pixels) {
        atomicMin(&paper_box[0], paper_left);
        atomicMin(&paper_box[1], paper_first);
        atomicMax(&paper_box[2], paper_right);
        atomicMax(&paper_box[3], paper_last + 1);
        atomicAdd(&paper[0], (unsigned long long)paper_pixels);
        atomicAdd(&paper[1], (unsigned long long)paper_x);
        atomicAdd(&paper[2], (unsigned long long)paper_y);
    }
    __syncthreads();
    if (threadIdx.y == 0 && lane == 0 && paper[0]) {
        atomicMin(&box[0], paper_box[0]);
        atomicMin(&box[1], paper_box[1]);
        atomicMax(&box[2], paper_box[2]);
        atomicMax(&box[3], paper_box[3]);
        atomicAdd(&area[0], paper[0]);
        atomicAdd(&moment[0], paper[1]);
        atomicAdd(&moment[1], paper[2]);
    }
}
