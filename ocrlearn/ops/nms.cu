// Non-maximum suppression: upright boxes and masks against each other, and who survives.
//
// The candidates come sorted by falling score. First all pairs are compared at once, and each
// candidate gets a row of bits: the later ones it would suppress. Then one block walks down the rows.
// The walk is serial by nature, as a candidate suppresses only if it has survived, but 64 steps of it
// need one 64-bit word of each row and no memory traffic between them.
//
// Variants: Real=float; Real=double

#define WORDS 8  // of 32 pixels, that a warp of pack_masks packs

// A block compares 64 boxes (x0, y0, x1, y1) with 64 others; see suppress_quads in rotated_iou.cu.
// Budget: 56 registers
extern "C" __global__ void __launch_bounds__(64)
suppress_boxes(const Real* boxes,          // [count * 4]
               int count, Real threshold, int words,
               unsigned long long* later)  // [count * words]
{
    int row = blockIdx.y, column = blockIdx.x;
    if (row > column) return;
    __shared__ Real others[64 * 4];
    int first = row * 64, first_other = column * 64;
    int number = min(count - first, 64), number_of_others = min(count - first_other, 64);
    for (int i = threadIdx.x; i < 4 * number_of_others; i += blockDim.x)
        others[i] = boxes[4 * first_other + i];
    __syncthreads();
    if (threadIdx.x >= number) return;
    int own = first + threadIdx.x;
    Real x0 = boxes[4 * own], y0 = boxes[4 * own + 1];
    Real x1 = boxes[4 * own + 2], y1 = boxes[4 * own + 3];
    Real area = (x1 - x0) * (y1 - y0);
    unsigned long long bits = 0;
    for (int j = row == column ? threadIdx.x + 1 : 0; j < number_of_others; ++j) {
        const Real* other = others + 4 * j;
        Real width = max(min(x1, other[2]) - max(x0, other[0]), (Real)0);
        Real height = max(min(y1, other[3]) - max(y0, other[1]), (Real)0);
        Real shared = width * height;
        Real joined = area + (other[2] - other[0]) * (other[3] - other[1]) - shared;
        if (shared > threshold * joined) bits |= 1ull << j;
    }
    later[(Index)own * words + column] = bits;
}

// Pack masks to one bit a pixel, and note the first and the last word with ink. A warp packs WORDS
// words: for each, its 32 threads read 32 neighbouring pixels, and __ballot_sync collects one bit from
// each. A single byte a thread would not keep the memory busy, so all are read before the first vote.
// Budget: 32 registers
extern "C" __global__ void __launch_bounds__(256)
pack_masks(const unsigned char* masks,  // [count * pixels]
           int count, int pixels, int words,
           unsigned int* packed,        // [count * words]
           int* first,                  // [count]
           int* last)                   // [count]
{
    int word = (blockIdx.x * blockDim.x + threadIdx.x) / 32 * WORDS, lane = threadIdx.x & 31;
    int mask = blockIdx.y;
    const unsigned char* row = masks + (Index)mask * pixels;
    unsigned char ink[WORDS];
#pragma unroll
    for (int k = 0; k < WORDS; ++k) {
        int pixel = 32 * (word + k) + lane;
        ink[k] = pixel < pixels ? row[pixel] : 0;
    }
    int earliest = words, latest = -1;
#pragma unroll
    for (int k = 0; k < WORDS; ++k) {
        unsigned int bits = __ballot_sync(0xffffffffu, ink[k]);
        if (word + k >= words) break;  // the whole warp together
        if (lane == 0) packed[(Index)mask * words + word + k] = bits;
        if (bits) {
            earliest = min(earliest, word + k);
            latest = word + k;
        }
    }
    if (lane || latest < 0) return;
    atomicMin(&first[mask], earliest);
    atomicMax(&last[mask], latest);
}

// A warp compares one pair of masks: it counts the bits both have, over the words where both have
// ink. The share is that of the smaller mask.
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(256)
suppress_masks(const unsigned int* packed,  // [count * words]
               const int* areas,            // [count]
               const int* first,            // [count]
               const int* last,             // [count]
               int count, int words, double threshold, int later_words,
               unsigned long long* later)   // [count * later_words]
{
    int j = (blockIdx.x * blockDim.x + threadIdx.x) / 32, i = blockIdx.y, lane = threadIdx.x & 31;
    if (j >= count || j <= i) return;  // the whole warp together
    int begin = max(first[i], first[j]), end = min(last[i], last[j]);
    const unsigned int* one = packed + (Index)i * words;
    const unsigned int* other = packed + (Index)j * words;
    int shared = 0;
    for (int word = begin + lane; word <= end; word += 32) shared += __popc(one[word] & other[word]);
    for (int offset = 16; offset > 0; offset >>= 1)
        shared += __shfl_down_sync(0xffffffffu, shared, offset);
    if (lane == 0 && shared > threshold * min(areas[i], areas[j]))
        atomicOr(&later[(Index)i * later_words + j / 64], 1ull << (j % 64));
}

// Walk down the rows, 64 at a time. Launched with one block. `gone` has a bit for every candidate.
// Budget: 64 registers
extern "C" __global__ void __launch_bounds__(256)
sweep(const unsigned long long* later,  // [count * words]
      int count, int words,
      unsigned char* kept)              // [count]
{
    extern __shared__ unsigned long long gone[];
    __shared__ unsigned long long diagonal[64];
    __shared__ unsigned long long survivors;
    for (int word = threadIdx.x; word < words; word += blockDim.x) gone[word] = 0;
    for (int chunk = 0; chunk < words; ++chunk) {
        int first = 64 * chunk, number = min(count - first, 64);
        if (threadIdx.x < number)
            diagonal[threadIdx.x] = later[(Index)(first + threadIdx.x) * words + chunk];
        __syncthreads();
        if (threadIdx.x == 0) {  // among these 64, each in turn
            unsigned long long suppressed = gone[chunk], alive = 0;
            for (int i = 0; i < number; ++i)
                if (!(suppressed >> i & 1)) {
                    alive |= 1ull << i;
                    suppressed |= diagonal[i];
                }
            survivors = alive;
        }
        __syncthreads();
        unsigned long long alive = survivors;
        if (threadIdx.x < number) kept[first + threadIdx.x] = alive >> threadIdx.x & 1;
        for (int word = chunk + 1 + threadIdx.x; word < words; word += blockDim.x) {
            unsigned long long bits = gone[word];
            // Taken one by one, each read would wait for the one before: eight are under way at once.
            for (int i = 0; i < 64; i += 8) {
                unsigned long long rows[8];
#pragma unroll
                for (int k = 0; k < 8; ++k)
                    rows[k] = alive >> (i + k) & 1
                        ? later[(Index)(first + i + k) * words + word] : 0;
#pragma unroll
                for (int k = 0; k < 8; ++k) bits |= rows[k];
            }
            gone[word] = bits;  // read behind the next barrier
        }
    }
}
