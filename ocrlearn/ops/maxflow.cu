// Minimum cut of a grid graph by push and relabel (Goldberg and Tarjan, "A New Approach to the
// Maximum-Flow Problem", Journal of the ACM, 1988), tile by tile in shared memory.
//
// Every pixel holds excess, flow that has arrived and not gone on, and a distance label, a lower
// bound of its distance to the terminal through links with capacity left. A pixel pushes its excess
// to neighbours whose label is lower by one; where there is none it raises its own label. Seen
// naively that is one pass over all arrays in device memory for every step of one pixel
// (Vineet and Narayanan, "CUDA Cuts: Fast Graph Cuts on the GPU", CVPR Workshops 2008). Here a
// block keeps its tile in registers and shared memory and makes many sweeps over it before it writes
// it back (after Delong and Boykov, "A Scalable Graph-Cut Algorithm for N-D Grids", CVPR 2008), so
// that the passes over device memory are divided by the number of sweeps.
//
// A tile pushes into its neighbours' border pixels as well. Tiles are therefore coloured like a
// chessboard and a launch works on one colour: no two running tiles touch. With eight neighbours
// tiles touch at their corners too, and there are four colours. Only the excess of a pixel between
// two running tiles is raised by both, with an atomic addition; all else has one writer.
//
// Labels are bounds and grow stale, so from time to time the exact distances are found by a search
// from the terminal ("global relabelling"), the same way: each tile relaxes its distances until they
// are stable, and launches follow each other until no tile changes anything. A pixel whose distance
// is FAR cannot reach the terminal, and its excess rests.
//
// Layout: residual[direction][y][x], so that neighbouring threads read neighbouring addresses.
//
// Variants: D=4, Capacity=int, Excess=unsigned long long; D=8, Capacity=int, Excess=unsigned long long; D=4, Capacity=long long, Excess=unsigned long long; D=8, Capacity=long long, Excess=unsigned long long; D=4, Capacity=double, Excess=double; D=8, Capacity=double, Excess=double

#define TILE_WIDTH 32
#define TILE_HEIGHT 8
#define FAR (1 << 30)

// Directions 0 to 7: right, left, down, up, down-right, up-left, down-left, up-right.
// The opposite of direction d is d ^ 1.
__device__ __forceinline__ int step_x(int d)
{
    return d == 0 || d == 4 || d == 7 ? 1 : d == 1 || d == 5 || d == 6 ? -1 : 0;
}

__device__ __forceinline__ int step_y(int d)
{
    return d == 2 || d == 4 || d == 6 ? 1 : d == 3 || d == 5 || d == 7 ? -1 : 0;
}

// The tile of this block among those of one colour.
__device__ __forceinline__ void find_tile(int colour, int* left, int* top)
{
#if D == 8
    int tile_x = 2 * blockIdx.x + (colour & 1), tile_y = 2 * blockIdx.y + (colour >> 1);
#else
    int tile_x = 2 * blockIdx.x + ((blockIdx.y + colour) & 1), tile_y = blockIdx.y;
#endif
    *left = tile_x * TILE_WIDTH;
    *top = tile_y * TILE_HEIGHT;
}

// Load the distances of a tile and of the pixels around it; FAR outside the image. With four
// neighbours the corners are of no use, and belong to a tile that is running and may be writing them.
__device__ __forceinline__ void load_distances(const int* distance, int height, int width, int left,
                                               int top, int tile[TILE_HEIGHT + 2][TILE_WIDTH + 2])
{
    int thread = threadIdx.y * TILE_WIDTH + threadIdx.x;
    for (int i = thread; i < (TILE_HEIGHT + 2) * (TILE_WIDTH + 2); i += TILE_WIDTH * TILE_HEIGHT) {
        int row = i / (TILE_WIDTH + 2), column = i % (TILE_WIDTH + 2);
        int y = top + row - 1, x = left + column - 1;
        bool inside = y >= 0 && y < height && x >= 0 && x < width;
#if D == 4
        inside = inside && ((row >= 1 && row <= TILE_HEIGHT) || (column >= 1 && column <= TILE_WIDTH));
#endif
        tile[row][column] = inside ? distance[(Index)y * width + x] : FAR;
    }
}

// Begin a search: which links of every pixel have capacity left (bit d of its byte), and distance 1
// where the link to the terminal has.
// Budget: 32 registers
extern "C" __global__ void __launch_bounds__(256)
start_search(const Capacity* residual,  // [D * height * width]
             const Capacity* terminal,  // [height * width]
             int height, int width,
             unsigned char* open_links, // [height * width]
             int* distance)             // [height * width]
{
    Index pixels = (Index)height * width;
    Index pixel = (Index)blockIdx.x * blockDim.x + threadIdx.x;
    if (pixel >= pixels) return;
    int links = 0;
#pragma unroll
    for (int d = 0; d < D; ++d) links |= (residual[d * pixels + pixel] > 0) << d;
    open_links[pixel] = links;
    distance[pixel] = terminal[pixel] > 0 ? 1 : FAR;
}

// Lower the distances in the tiles of one colour until each is at most one more than that of every
// neighbour it has a link to.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
search(const unsigned char* open_links,  // [height * width]
       int height, int width, int colour,
       int* distance,                    // [height * width]
       int* changed)                     // [1]
{
    __shared__ int tile[TILE_HEIGHT + 2][TILE_WIDTH + 2];
    int left, top;
    find_tile(colour, &left, &top);
    if (left >= width || top >= height) return;
    load_distances(distance, height, width, left, top, tile);
    int x = left + threadIdx.x, y = top + threadIdx.y;
    int column = threadIdx.x + 1, row = threadIdx.y + 1;
    Index pixel = (Index)y * width + x;
    bool inside = x < width && y < height;
    int links = inside ? open_links[pixel] : 0;
    __syncthreads();

    int before = tile[row][column], mine = before;
    bool better;
    do {
        int least = mine;
#pragma unroll
        for (int d = 0; d < D; ++d)
            if (links >> d & 1) least = min(least, tile[row + step_y(d)][column + step_x(d)] + 1);
        better = least < mine;
        __syncthreads();  // all have read before any writes
        if (better) tile[row][column] = mine = least;
    } while (__syncthreads_or(better));

    if (inside && mine < before) distance[pixel] = mine;
    if (__syncthreads_or(mine < before) && threadIdx.x == 0 && threadIdx.y == 0)
        atomicMax(changed, 1);
}

// Push and relabel in the tiles of one colour, `sweeps` times or until no pixel of the tile has
// excess that could still arrive.
// Budget: 64 registers
extern "C" __global__ void __launch_bounds__(256, 4)
discharge(Capacity* residual,  // [D * height * width]
          Capacity* terminal,  // [height * width]
          Excess* excess,      // [height * width]
          int* distance,       // [height * width]
          int height, int width, int colour, int sweeps)
{
    __shared__ int tile[TILE_HEIGHT + 2][TILE_WIDTH + 2];
    __shared__ Capacity sent[2][TILE_HEIGHT][TILE_WIDTH];
    int left, top;
    find_tile(colour, &left, &top);
    if (left >= width || top >= height) return;
    int x = left + threadIdx.x, y = top + threadIdx.y;
    int column = threadIdx.x + 1, row = threadIdx.y + 1;
    Index pixels = (Index)height * width;
    Index pixel = (Index)y * width + x;
    bool inside = x < width && y < height;

    // Most tiles of a late launch have nothing to do, and find out from two arrays.
    int mine = inside ? distance[pixel] : FAR;
    Excess own = inside ? excess[pixel] : 0;
    if (!__syncthreads_or(own > 0 && mine < FAR)) return;

    load_distances(distance, height, width, left, top, tile);
    Capacity room[D];
#pragma unroll
    for (int d = 0; d < D; ++d) room[d] = inside ? residual[d * pixels + pixel] : 0;
    Capacity to_terminal = inside ? terminal[pixel] : 0;
    __syncthreads();

    for (int sweep = 0; sweep < sweeps; ++sweep) {
        if (own > 0 && to_terminal > 0) {
            Capacity amount = own < (Excess)to_terminal ? (Capacity)own : to_terminal;
            to_terminal -= amount;
            own -= amount;
        }
        // One direction after the other: all push right, all receive from the left, and so on. What
        // has arrived is pushed on in the next direction. Two buffers take turns, so that one
        // barrier a direction is enough.
#pragma unroll
        for (int d = 0; d < D; ++d) {
            int to_row = threadIdx.y + step_y(d), to_column = threadIdx.x + step_x(d);
            Capacity amount = 0;
            if (own > 0 && room[d] > 0 && mine == tile[to_row + 1][to_column + 1] + 1) {
                amount = own < (Excess)room[d] ? (Capacity)own : room[d];
                room[d] -= amount;
                own -= amount;
                if (to_row < 0 || to_row >= TILE_HEIGHT || to_column < 0 ||
                    to_column >= TILE_WIDTH) {
                    Index other = (Index)(top + to_row) * width + left + to_column;
                    residual[(d ^ 1) * pixels + other] += amount;
                    atomicAdd(excess + other, (Excess)amount);
                }
            }
            sent[d & 1][threadIdx.y][threadIdx.x] = amount;
            __syncthreads();
            int from_row = threadIdx.y - step_y(d), from_column = threadIdx.x - step_x(d);
            if (from_row >= 0 && from_row < TILE_HEIGHT && from_column >= 0 &&
                from_column < TILE_WIDTH) {
                Capacity received = sent[d & 1][from_row][from_column];
                room[d ^ 1] += received;
                own += received;
            }
        }
        // Relabel: one more than the lowest neighbour that can be pushed to.
        int label = mine;
        if (own > 0) {
            int lowest = to_terminal > 0 ? 0 : FAR - 1;
#pragma unroll
            for (int d = 0; d < D; ++d)
                if (room[d] > 0)
                    lowest = min(lowest, tile[row + step_y(d)][column + step_x(d)]);
            label = max(mine, min(lowest, FAR - 1) + 1);
        }
        __syncthreads();  // all have read before any writes
        tile[row][column] = mine = label;
        if (!__syncthreads_or(own > 0 && mine < FAR)) break;
    }

    if (!inside) return;
#pragma unroll
    for (int d = 0; d < D; ++d) residual[d * pixels + pixel] = room[d];
    terminal[pixel] = to_terminal;
    excess[pixel] = own;
    distance[pixel] = mine;
}
