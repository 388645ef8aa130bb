// A square matrix transposed three times; only the third is kind to memory.
#define TILE 32

// Reads rows, which lie side by side; writes columns, whose items are far apart.
extern "C" __global__ void naive(const float* from,  // [size * size]
                                 float* to,          // [size * size]
                                 int size)
{
    int x = blockIdx.x * TILE + threadIdx.x, y = blockIdx.y * TILE + threadIdx.y;
    float value = from[y * size + x];
    to[x * size + y] = value;
}

// Turns the tile in shared memory, where the 32 items of a column lie in one bank.
extern "C" __global__ void tiled(const float* from,  // [size * size]
                                 float* to,          // [size * size]
                                 int size)
{
    __shared__ float tile[TILE][TILE];
    int x = blockIdx.x * TILE, y = blockIdx.y * TILE;
    float value = from[(y + threadIdx.y) * size + x + threadIdx.x];
    tile[threadIdx.y][threadIdx.x] = value;
    __syncthreads();
    float turned = tile[threadIdx.x][threadIdx.y];
    to[(x + threadIdx.y) * size + y + threadIdx.x] = turned;
}

// One float of padding a row puts the items of a column into 32 different banks.
extern "C" __global__ void padded(const float* from,  // [size * size]
                                  float* to,          // [size * size]
                                  int size)
{
    __shared__ float tile[TILE][TILE + 1];
    int x = blockIdx.x * TILE, y = blockIdx.y * TILE;
    float value = from[(y + threadIdx.y) * size + x + threadIdx.x];
    tile[threadIdx.y][threadIdx.x] = value;
    __syncthreads();
    float turned = tile[threadIdx.x][threadIdx.y];
    to[(x + threadIdx.y) * size + y + threadIdx.x] = turned;
}
