// Summed-area tables, and the mean and standard deviation in the window around every pixel.
//
// A table is a running sum down the columns followed by one along the rows. Done one after the
// other, each would read and write the whole table of 8-byte sums. Here the image is cut into bands
// of BAND rows, and only two small reads of the image (1 byte a pixel) and one write of the table
// remain:
//
//   sum_bands    adds up each column of each band,
//   scan_bands   turns these into the sums of all bands above,
//   scan_tiles   one block takes a band and walks along it, BAND x TILE pixels at a time: first every
//                thread runs down a column, starting from the sum of the bands above, then every warp
//                runs along two of the rows with shuffles and carries the sum on to the next tile.
//
// With `radius` > 0 the table is that of the image continued by reflection, which is never stored:
// reading maps each place back into the image.
//
// Sum is the type of the sums. Whole numbers are exact in long long. A window needs only a difference
// of four entries, and unsigned differences are right even where the entries have wrapped around at
// 2**32, as long as the window's own sum fits. So for windows of uint8 up to 257 x 257, whose squares
// add up to less than 2**32, unsigned int serves, and halves the memory traffic.
//
// Variants: Pixel=unsigned char,Sum=long long; Pixel=unsigned char,Sum=unsigned int; Pixel=long long,Sum=long long; Pixel=float,Sum=double; Pixel=double,Sum=double

#define BAND 16   // rows that a block of scan_tiles holds in shared memory
#define TILE 256  // columns, and threads of a block
#define WARPS (TILE / 32)
#define PARTS (TILE / 32)  // pieces of a row of a tile, of the length of a warp

// Continue an axis by reflection about its first and last pixel, as often as needed: dcb|abcd|cba.
__device__ int reflect(int place, int size)
{
    if (place >= 0 && place < size) return place;  // nearly always; spares a division
    if (size == 1) return 0;
    int period = 2 * (size - 1);
    int inside = abs(place) % period;
    return inside < size ? inside : period - inside;
}

// Read a column of a band, from row `top` of the continued image down to before `bottom`. Each read
// takes hundreds of cycles, so all of them are under way before the first is needed.
__device__ __forceinline__ void read_band(const Pixel* image, int height, int width, int radius,
                                          int top, int bottom, int column, Pixel* pixels)
{
#pragma unroll
    for (int row = 0; row < BAND; ++row)
        pixels[row] = top + row < bottom
            ? image[(Index)reflect(top + row - radius, height) * width + column] : (Pixel)0;
}

// What is summed of a pixel: the pixel less `offset`, or its square.
__device__ __forceinline__ Sum summand(Pixel pixel, Sum offset, int power)
{
    Sum value = (Sum)pixel - offset;
    return power == 2 ? value * value : value;
}

// One thread adds up one column of one band.
// Budget: 64 registers
extern "C" __global__ void __launch_bounds__(256)
sum_bands(const Pixel* image,  // [height * width]
          int height, int width, int radius, int power,
          const Sum* offset,  // [1]
          int bands,
          Sum* totals)  // [bands * (width + 2 * radius)]
{
    int columns = width + 2 * radius, rows = height + 2 * radius;
    int x = blockIdx.x * TILE + threadIdx.x;
    if (x >= columns) return;
    int column = reflect(x - radius, width);
    int top = blockIdx.y * BAND, bottom = min(top + BAND, rows);
    Pixel pixels[BAND];
    read_band(image, height, width, radius, top, bottom, column, pixels);
    Sum less = offset[0], total = 0;
#pragma unroll
    for (int row = 0; row < BAND; ++row)
        if (top + row < bottom) total += summand(pixels[row], less, power);
    totals[(Index)blockIdx.y * columns + x] = total;
}

// One thread runs down one column of bands. Reading and writing different arrays lets the compiler
// have several reads under way at once; the additions alone have to wait for each other.
// Budget: 48 registers
extern "C" __global__ void __launch_bounds__(256)
scan_bands(const Sum* __restrict__ totals,  // [bands * columns]
           int bands, int columns,
           Sum* __restrict__ above)  // [bands * columns]
{
    int x = blockIdx.x * TILE + threadIdx.x;
    if (x >= columns) return;
    Sum sum = 0;
#pragma unroll 8
    for (int band = 0; band < bands; ++band) {
        above[(Index)band * columns + x] = sum;
        sum += totals[(Index)band * columns + x];
    }
}

// Inclusive running sums over the lanes of a warp, of PARTS independent numbers. Step by step for all
// of them, so that one shuffle need not wait for another.
__device__ __forceinline__ void scan_warp(Sum* values, int lane)
{
#pragma unroll
    for (int distance = 1; distance < 32; distance *= 2)
#pragma unroll
        for (int part = 0; part < PARTS; ++part) {
            Sum before = __shfl_up_sync(0xffffffffu, values[part], distance);
            if (lane >= distance) values[part] += before;
        }
}

// One block finishes one band of the table; see above. 32 KB of shared memory.
// Budget: 96 registers: shared memory leaves room for two blocks on the smaller GPUs, and so do these
extern "C" __global__ void __launch_bounds__(256, 2)
scan_tiles(const Pixel* image,  // [height * width]
           int height, int width, int radius, int power,
           const Sum* offset,  // [1]
           int bands,
           const Sum* above,  // [bands * (width + 2 * radius)]
           Sum* table)        // [(height + 2 * radius + 1) * (width + 2 * radius + 1)]
{
    __shared__ Sum tile[BAND][TILE];
    int columns = width + 2 * radius, rows = height + 2 * radius;
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    int top = blockIdx.x * BAND, band_rows = min(BAND, rows - top);
    Index stride = columns + 1;
    Sum less = offset[0];

    if (blockIdx.x == 0)  // the row of zeros above the first pixels
        for (int x = threadIdx.x; x <= columns; x += TILE) table[x] = 0;
    if (threadIdx.x < band_rows)  // the column of zeros on their left
        table[(Index)(top + threadIdx.x + 1) * stride] = 0;

    Sum carry[BAND / WARPS] = {};  // the sum of its rows so far, which a warp keeps to itself
    for (int left = 0; left < columns; left += TILE) {
        int x = left + threadIdx.x, column = reflect(min(x, columns - 1) - radius, width);
        Sum down = x < columns ? above[(Index)blockIdx.x * columns + x] : (Sum)0;
        Pixel pixels[BAND];
        read_band(image, height, width, radius, top, top + band_rows, column, pixels);
#pragma unroll
        for (int row = 0; row < BAND; ++row) {
            if (x < columns && row < band_rows) down += summand(pixels[row], less, power);
            tile[row][threadIdx.x] = down;
        }
        __syncthreads();
#pragma unroll
        for (int turn = 0; turn < BAND / WARPS; ++turn) {
            int row = turn * WARPS + warp;
            if (row >= band_rows) break;  // the whole warp together
            Sum* out = table + (Index)(top + row + 1) * stride + 1;
            Sum along[PARTS];
#pragma unroll
            for (int part = 0; part < PARTS; ++part) along[part] = tile[row][32 * part + lane];
            scan_warp(along, lane);
#pragma unroll
            for (int part = 0; part < PARTS; ++part) {
                int column = left + 32 * part + lane;
                if (column < columns) out[column] = carry[turn] + along[part];
                carry[turn] += __shfl_sync(0xffffffffu, along[part], 31);
            }
        }
        __syncthreads();  // the next tile overwrites what other warps may still read
    }
}

// Sum over the window whose top left corner is (y, x), by four look-ups.
__device__ Sum window_sum(const Sum* table, Index stride, int window, int y, int x)
{
    const Sum* upper = table + (Index)y * stride + x;
    const Sum* lower = upper + (Index)window * stride;
    return lower[window] - upper[window] - lower[0] + upper[0];
}

// One thread a pixel, from the tables of the image continued by half a window. Neighbouring threads
// read neighbouring entries, and each entry is needed by four windows, three times from the cache.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
mean_and_std(const Sum* sums,     // [(height + window) * (width + window)]
             const Sum* squares,  // [(height + window) * (width + window)]
             const Sum* offset,   // [1]
             int height, int width, int window,
             double* mean,  // [height * width]
             double* std)   // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height) return;
    Index stride = width + window;
    double area = (double)window * window;
    double centred = window_sum(sums, stride, window, y, x) / area;
    double variance = window_sum(squares, stride, window, y, x) / area - centred * centred;
    Index pixel = (Index)y * width + x;
    mean[pixel] = centred + (double)offset[0];
    std[pixel] = sqrt(fmax(variance, 0.0));
}
