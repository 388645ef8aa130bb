// SLIC superpixels: conversion to CIELAB, seeds, assignment with the sums of the clusters, and
// connected pieces. See slic.py for the algorithm and where it differs from the paper.
//
// An iteration reads the colours once, 6 bytes a pixel, and writes the labels, 4 bytes: the sums of the
// clusters are taken where the pixels are assigned. A block works on one cell of the grid, so all
// its threads compare with the same nine clusters, which lie in shared memory. A thread takes RUN
// pixels one below the other: it loads them all at once, reads each cluster once for all of them, and
// neighbouring pixels mostly choose the same cluster, so it adds them up in registers. What is left
// is summed over the warp, then over the block in shared memory, and only nine clusters' sums a
// block go to memory, as 64-bit integers, so that the result does not depend on who came first. With
// nine distances of 14 operations for 10 bytes, arithmetic and not memory sets the pace.
//
// Each product is rounded by itself (__fmul_rn keeps the compiler from fusing it with an addition), so
// that a pixel halfway between two clusters goes to the same one on every machine.
//
// The pieces are found with a union-find forest over the pixels, in which an earlier pixel is always
// the parent: Komura, "GPU-based cluster-labeling algorithm without the use of conventional
// iteration", Computer Physics Communications, 2015; Playne and Hawick, "A New Algorithm for
// Parallel Connected-Component Labelling on GPUs", IEEE Transactions on Parallel and Distributed
// Systems, 2018.
//
// Variants: Pixel=unsigned char,CHANNELS=3; Pixel=unsigned char,CHANNELS=1; Pixel=float,CHANNELS=3; Pixel=float,CHANNELS=1

#define RUN 8      // pixels of a column that one thread assigns
#define MOMENTS 6  // of a cluster: pixels, L, a, b, x, y
#define ALL_LANES 0xffffffffu

// --- colour --------------------------------------------------------------------------------------

// Reads a table of `cells` + 1 entries between two of them, in a straight line.
__device__ float look_up(const float* table, int cells, float place)
{
    int cell = min(max((int)place, 0), cells - 1);
    return table[cell] + __fmul_rn(place - (float)cell, table[cell + 1] - table[cell]);
}

__device__ float mix(const float* row, float red, float green, float blue)
{
    return __fmul_rn(row[0], red) + __fmul_rn(row[1], green) + __fmul_rn(row[2], blue);
}

// One thread converts one pixel. The tables stay in the L1 cache.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
rgb_to_lab(const Pixel* __restrict__ image,  // [pixels * CHANNELS]
           int pixels, float scale,
           const float* __restrict__ curve,  // [curve_cells + 1]
           int curve_cells,
           const float* __restrict__ root,  // [root_cells + 1]
           int root_cells,
           const float* __restrict__ to_xyz,  // [9]
           short* __restrict__ lab)           // [3 * pixels]
{
    Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= pixels) return;
    const Pixel* pixel = image + i * CHANNELS;
    float linear[3];
    for (int c = 0; c < CHANNELS; ++c)
        linear[c] = look_up(curve, curve_cells, __fmul_rn((float)pixel[c], scale));
    for (int c = CHANNELS; c < 3; ++c) linear[c] = linear[0];
    float f[3];
    for (int c = 0; c < 3; ++c) {
        float ratio = mix(to_xyz + 3 * c, linear[0], linear[1], linear[2]);
        f[c] = look_up(root, root_cells, __fmul_rn((float)root_cells, ratio));
    }
    lab[i] = (short)rintf(256.0f * (__fmul_rn(116.0f, f[1]) - 16.0f));
    lab[(Index)pixels + i] = (short)rintf(256.0f * __fmul_rn(500.0f, f[0] - f[1]));
    lab[2 * (Index)pixels + i] = (short)rintf(256.0f * __fmul_rn(200.0f, f[1] - f[2]));
}

// --- seeds ---------------------------------------------------------------------------------------

// The first pixel of cell `cell`, where `size` pixels are cut into `cells` cells.
__device__ int cell_start(int cell, int cells, int size)
{
    return (int)(((long long)cell * size + cells - 1) / cells);
}

__device__ long long squared_gradient(const short* lab, int height, int width, int y, int x)
{
    Index plane = (Index)height * width, row = (Index)y * width;
    Index right = row + min(x + 1, width - 1), left = row + max(x - 1, 0);
    Index below = (Index)min(y + 1, height - 1) * width + x, above = (Index)max(y - 1, 0) * width + x;
    long long sum = 0;
    for (int c = 0; c < 3; ++c) {
        long long across = lab[c * plane + right] - lab[c * plane + left];
        long long down = lab[c * plane + below] - lab[c * plane + above];
        sum += across * across + down * down;
    }
    return sum;
}

// One thread places one cluster: the middle of its cell, moved to the lowest gradient in 3 x 3.
// Budget: 64 registers
extern "C" __global__ void __launch_bounds__(64)
place_seeds(const short* lab,  // [3 * height * width]
            int height, int width, int rows, int columns,
            float* centres)  // [5 * rows * columns]
{
    int cluster = blockIdx.x * blockDim.x + threadIdx.x, clusters = rows * columns;
    if (cluster >= clusters) return;
    int row = cluster / columns, column = cluster - row * columns;
    int middle_y = (int)((2LL * row + 1) * height / (2 * rows));
    int middle_x = (int)((2LL * column + 1) * width / (2 * columns));
    int seed_y = middle_y, seed_x = middle_x;
    long long best = squared_gradient(lab, height, width, middle_y, middle_x);
    for (int dy = -1; dy <= 1; ++dy)
        for (int dx = -1; dx <= 1; ++dx) {
            int y = min(max(middle_y + dy, 0), height - 1);
            int x = min(max(middle_x + dx, 0), width - 1);
            long long gradient = squared_gradient(lab, height, width, y, x);
            if (gradient < best) {
                best = gradient;
                seed_y = y;
                seed_x = x;
            }
        }
    Index plane = (Index)height * width, seed = (Index)seed_y * width + seed_x;
    for (int c = 0; c < 3; ++c) centres[c * clusters + cluster] = lab[c * plane + seed];
    centres[3 * clusters + cluster] = seed_x;
    centres[4 * clusters + cluster] = seed_y;
}

// --- assignment ----------------------------------------------------------------------------------

// Adds every lane's moments to its slot of `sums`. The lanes of a warp mostly have the same slot, and
// adding them one by one to the same word would make them wait for each other: for each slot among
// them, the warp adds up first. All 32 lanes must call; one with no pixels takes part with zeros.
__device__ void add_by_warp(int (*sums)[MOMENTS], int slot, const int* moments)
{
    int lane = threadIdx.x & 31;
    unsigned waiting = __ballot_sync(ALL_LANES, moments[0] > 0);
    while (waiting) {
        int leader = __ffs(waiting) - 1;
        int chosen = __shfl_sync(ALL_LANES, slot, leader);
        bool mine = moments[0] > 0 && slot == chosen;
        for (int m = 0; m < MOMENTS; ++m) {
            int sum = mine ? moments[m] : 0;
            for (int distance = 16; distance > 0; distance /= 2)
                sum += __shfl_xor_sync(ALL_LANES, sum, distance);
            if (lane == leader) atomicAdd(&sums[chosen][m], sum);
        }
        waiting &= ~__ballot_sync(ALL_LANES, mine);
    }
}

// Block (c, part) assigns pixels of cell c, RUN rows of a column to a thread, and adds them to `sums`.
// Budget: 80 registers
extern "C" __global__ void __launch_bounds__(256)
assign(const short* __restrict__ lab,  // [3 * height * width]
       int height, int width, int rows, int columns, float weight,
       const float* __restrict__ centres,  // [5 * rows * columns]
       int* __restrict__ labels,           // [height * width]
       unsigned long long* sums)           // [6 * rows * columns]
{
    __shared__ float near[9][5];     // the nine clusters around the cell, in the order of their numbers
    __shared__ int number[9];        // -1 where the grid ends
    __shared__ int moments[9][MOMENTS];  // x and y are counted from the corner of the cell
    int cell_row = blockIdx.x / columns, cell_column = blockIdx.x - cell_row * columns;
    int clusters = rows * columns;
    for (int i = threadIdx.x; i < 9 * MOMENTS; i += blockDim.x) moments[i / MOMENTS][i % MOMENTS] = 0;
    if (threadIdx.x < 9) {
        int row = cell_row + (int)threadIdx.x / 3 - 1, column = cell_column + (int)threadIdx.x % 3 - 1;
        bool exists = row >= 0 && row < rows && column >= 0 && column < columns;
        int cluster = exists ? row * columns + column : 0;
        number[threadIdx.x] = exists ? cluster : -1;
        for (int c = 0; c < 5; ++c) near[threadIdx.x][c] = centres[c * clusters + cluster];
    }
    __syncthreads();

    int left = cell_start(cell_column, columns, width), top = cell_start(cell_row, rows, height);
    int cell_width = cell_start(cell_column + 1, columns, width) - left;
    int cell_height = cell_start(cell_row + 1, rows, height) - top;
    int item = blockIdx.y * blockDim.x + threadIdx.x;
    int first = item / cell_width * RUN, column = item % cell_width;  // within the cell
    int count = min(max(cell_height - first, 0), RUN);
    Index plane = (Index)height * width, start = (Index)(top + first) * width + left + column;

    float light[RUN], green_red[RUN], blue_yellow[RUN], nearest[RUN];
    int slot[RUN];
#pragma unroll
    for (int i = 0; i < RUN; ++i) {
        Index pixel = i < count ? start + (Index)i * width : 0;
        light[i] = lab[pixel];
        green_red[i] = lab[plane + pixel];
        blue_yellow[i] = lab[2 * plane + pixel];
        nearest[i] = __int_as_float(0x7f800000);  // infinity
        slot[i] = 4;
    }
    float x = left + column;
#pragma unroll 1
    for (int s = 0; s < 9; ++s) {
        if (number[s] < 0) continue;
        float dx = x - near[s][3], dx_squared = __fmul_rn(dx, dx);
#pragma unroll
        for (int i = 0; i < RUN; ++i) {
            float dl = light[i] - near[s][0], da = green_red[i] - near[s][1];
            float db = blue_yellow[i] - near[s][2], dy = (float)(top + first + i) - near[s][4];
            float colour = __fmul_rn(dl, dl) + __fmul_rn(da, da) + __fmul_rn(db, db);
            float distance = colour + __fmul_rn(weight, dx_squared + __fmul_rn(dy, dy));
            if (distance < nearest[i]) {
                nearest[i] = distance;
                slot[i] = s;
            }
        }
    }

    // Down the column: pixels, L, a, b, x, y of the current slot; another slot closes the account.
    int current = slot[0], account[MOMENTS] = {0, 0, 0, 0, 0, 0};
#pragma unroll
    for (int i = 0; i < RUN; ++i) {
        if (i >= count) continue;
        labels[start + (Index)i * width] = number[slot[i]];
        if (slot[i] != current) {
            for (int m = 0; m < MOMENTS; ++m) {
                atomicAdd(&moments[current][m], account[m]);
                account[m] = 0;
            }
            current = slot[i];
        }
        account[0] += 1;
        account[1] += (int)light[i];
        account[2] += (int)green_red[i];
        account[3] += (int)blue_yellow[i];
        account[4] += column;
        account[5] += first + i;
    }
    add_by_warp(moments, current, account);
    __syncthreads();

    for (int i = threadIdx.x; i < 9 * MOMENTS; i += blockDim.x) {
        int s = i / MOMENTS, m = i % MOMENTS, pixels = moments[s][0];
        if (pixels == 0) continue;
        long long sum = moments[s][m];
        if (m == 4) sum += (long long)pixels * left;
        if (m == 5) sum += (long long)pixels * top;
        // Two's complement: adding a negative number as unsigned gives the right bits.
        atomicAdd(&sums[(Index)number[s] * MOMENTS + m], (unsigned long long)sum);
    }
}

// One thread moves one cluster to the mean of its pixels; one without pixels stays.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
move_centres(const float* centres,            // [5 * clusters]
             const unsigned long long* sums,  // [6 * clusters]
             int clusters,
             float* moved)  // [5 * clusters]
{
    int cluster = blockIdx.x * blockDim.x + threadIdx.x;
    if (cluster >= clusters) return;
    long long pixels = (long long)sums[(Index)cluster * MOMENTS];
    for (int c = 0; c < 5; ++c) {
        Index place = (Index)c * clusters + cluster;
        double sum = (double)(long long)sums[(Index)cluster * MOMENTS + 1 + c];
        moved[place] = pixels > 0 ? (float)(sum / (double)pixels) : centres[place];
    }
}

// --- connected pieces ----------------------------------------------------------------------------

__device__ int find_root(const volatile int* parent, int node)
{
    int above;
    while ((above = parent[node]) != node) node = above;
    return node;
}

// Joins the trees of two pixels. If another thread hung up the same root in between, atomicMin
// returns where, and that tree is joined instead.
__device__ void unite(int* parent, int one, int other)
{
    while (true) {
        one = find_root(parent, one);
        other = find_root(parent, other);
        if (one == other) return;
        int later = max(one, other), earlier = min(one, other);
        int found = atomicMin(&parent[later], earlier);
        if (found == later) return;
        one = found;
        other = earlier;
    }
}

// A warp takes 32 pixels of a row. Each starts with the first pixel of its run of one label.
// Budget: 32 registers
extern "C" __global__ void __launch_bounds__(256)
start_pieces(const int* labels,  // [height * width]
             int height, int width,
             int* parent)  // [height * width]
{
    int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    bool inside = x < width && y < height;
    Index i = (Index)y * width + x;
    int lane = threadIdx.x;
    bool begins = inside && (lane == 0 || labels[i] != labels[i - 1]);
    unsigned begin = __ballot_sync(ALL_LANES, begins) & (ALL_LANES >> (31 - lane));
    if (inside) parent[i] = (int)i - (lane - (31 - __clz(begin)));
}

// Joins runs across the borders of warps, and to the row above. Where the pixel on the left has been
// joined to the row above by an equal pixel above it, this one already hangs there too.
// Budget: 32 registers
extern "C" __global__ void __launch_bounds__(256)
join_pieces(const int* labels,  // [height * width]
            int height, int width,
            int* parent)  // [height * width]
{
    int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    Index i = (Index)y * width + x;
    int label = labels[i];
    bool like_left = x > 0 && labels[i - 1] == label;
    if (like_left && threadIdx.x == 0) unite(parent, i, i - 1);
    if (y == 0 || labels[i - width] != label) return;
    if (like_left && threadIdx.x > 0 && labels[i - width - 1] == label) return;
    unite(parent, i, i - width);
}

// Budget: 24 registers
extern "C" __global__ void __launch_bounds__(256)
find_roots(const int* parent,  // [pixels]
           int pixels,
           int* roots)  // [pixels]
{
    Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (i < pixels) roots[i] = find_root(parent, i);
}

// Counts the pixels of every piece, at its root: lanes of a warp with the same root count together.
// Budget: 32 registers
extern "C" __global__ void __launch_bounds__(256)
measure_pieces(const int* roots,  // [height * width]
               int height, int width,
               int* area)  // [height * width]
{
    int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    bool inside = x < width && y < height;
    int root = inside ? roots[(Index)y * width + x] : -1;
    unsigned alike = __match_any_sync(ALL_LANES, root);
    if (inside && __ffs(alike) - 1 == (int)threadIdx.x) atomicAdd(&area[root], __popc(alike));
}

// Every pixel of a piece that is too small proposes the pieces beside it. The greatest proposal wins:
// the largest area, of equals the earliest root; the two are packed into one word, area above.
// Budget: 32 registers
extern "C" __global__ void __launch_bounds__(256)
choose_neighbours(const int* roots,  // [height * width]
                  const int* area,   // [height * width]
                  int height, int width, int smallest,
                  unsigned long long* best)  // [height * width]
{
    int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    Index i = (Index)y * width + x;
    int root = roots[i];
    if (area[root] >= smallest) return;
    Index beside[4] = {x > 0 ? i - 1 : i, x + 1 < width ? i + 1 : i,
                       y > 0 ? i - width : i, y + 1 < height ? i + width : i};
    for (int n = 0; n < 4; ++n) {
        int other = roots[beside[n]];
        if (other == root) continue;
        unsigned long long proposal = (unsigned long long)area[other] << 32 | (0xffffffffu - other);
        atomicMax(&best[root], proposal);
    }
}

// Joins every piece that has chosen. Two that chose each other, or a ring of them, become one.
// Budget: 32 registers
extern "C" __global__ void __launch_bounds__(256)
join_small(const unsigned long long* best,  // [pixels]
           int pixels,
           int* parent,  // [pixels]
           int* joined)  // [1]
{
    Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= pixels || best[i] == 0) return;
    unite(parent, i, (int)(0xffffffffu - (unsigned)best[i]));
    atomicExch(joined, 1);
}
