// Connectionist temporal classification: losses and gradient of a batch. See ctc.py.
//
// The recursion is serial in time and has only 2 L + 1 states, a few dozen, so a block of a few warps
// does one sample and steps through its frames, one barrier a frame. What takes the time is waiting:
// for the barrier, for exp and log, and for the scores of the next frame. Hence:
//
// - alpha and beta do not need each other. Blocks with blockIdx.y = 0 sweep forward, those with 1
//   backward, at the same time, through the same code with frames and states counted from the end.
// - Scores are fetched a chunk of frames ahead into registers, so no step waits for device memory.
// - The gradient of all classes, by far the most bytes, is left to a last kernel that has a block
//   for every frame of every sample and writes each row once, in order.
//
// Sums are kept as logarithms. They shrink with every frame, and a large float is a coarse one, so
// after every chunk the greatest is subtracted from all; what was subtracted is added up in double.
// The occupancies of a frame are divided by their sum, so they need to know nothing of it.
//
// Device memory: both tables are written and read once, 16 T B (2 L + 1) bytes in float; scores are
// gathered, a 32-byte sector for each class touched; the gradient is written once.
//
// Variants: Real=float,PerThread=1; Real=double,PerThread=1; Real=float,PerThread=4; Real=double,PerThread=4

#define CHUNK 4  // frames between two rescalings, and fetched ahead
#define FULL_WARP 0xffffffffu

__device__ __forceinline__ Real minus_infinity() { return -__int_as_float(0x7f800000); }

// log(exp(a) + exp(b) + exp(c)), where all three may be -inf. Passes NaN on.
__device__ __forceinline__ Real log_add(Real a, Real b, Real c)
{
    Real high = max(a, max(b, c));
    if (high == minus_infinity())
        return a + b + c;
    return high + log(exp(a - high) + exp(b - high) + exp(c - high));
}

__device__ __forceinline__ Real warp_max(Real value)
{
    for (int offset = 16; offset > 0; offset /= 2)
        value = max(value, __shfl_xor_sync(FULL_WARP, value, offset));
    return value;
}

__device__ __forceinline__ Real warp_sum(Real value)
{
    for (int offset = 16; offset > 0; offset /= 2)
        value += __shfl_xor_sync(FULL_WARP, value, offset);
    return value;
}

// The logarithm of the sum of the exponentials of each row: a block a row, each thread with a running
// maximum and the sum relative to it, so that the row is read once.
//
// Budget: 40 registers
extern "C" __global__ void __launch_bounds__(128)
log_normaliser(const Real* logits,  // [rows * classes]
               int rows, int classes,
               Real* log_norm)      // [rows]
{
    __shared__ Real highs[4];  // of each warp
    __shared__ Real sums[4];
    const Index row = blockIdx.x;
    if (row >= rows)
        return;
    Real high = minus_infinity(), sum = 0;
    for (int c = threadIdx.x; c < classes; c += blockDim.x) {
        Real value = logits[row * classes + c];
        if (value > high) {
            sum = sum * exp(high - value) + 1;
            high = value;
        } else if (value != minus_infinity()) {
            sum += exp(value - high);
        }
    }
    Real warp_high = warp_max(high);
    // A thread without a class has nothing to add, and -inf - -inf is not a number.
    sum = warp_sum(high == minus_infinity() ? sum : sum * exp(high - warp_high));
    if (threadIdx.x % 32 == 0) {
        highs[threadIdx.x / 32] = warp_high;
        sums[threadIdx.x / 32] = sum;
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        Real block_high = max(max(highs[0], highs[1]), max(highs[2], highs[3]));
        Real total = 0;
        for (int warp = 0; warp < 4; ++warp)
            total += highs[warp] == minus_infinity() ? sums[warp]
                                                     : sums[warp] * exp(highs[warp] - block_high);
        log_norm[row] = block_high + log(total);
    }
}

// Where the same label stands again in a target. A class that occurs twice gets the occupancies of
// both states; one thread adds them up by this chain, which needs no atomics and is always done in
// the same order.
//
// Budget: 24 registers
extern "C" __global__ void __launch_bounds__(64)
link_repeats(const int* targets,         // [batch * longest]
             const int* target_lengths,  // [batch]
             int batch, int longest,
             int* first_same,            // [batch * longest]
             int* next_same)             // [batch * longest]
{
    const Index row = (Index)blockIdx.x * longest;
    const int length = target_lengths[blockIdx.x];
    for (int i = threadIdx.x; i < length; i += blockDim.x) {
        const int label = targets[row + i];
        int first = 0, next = i + 1;
        while (targets[row + first] != label)
            ++first;
        while (next < length && targets[row + next] != label)
            ++next;
        first_same[row + i] = first;
        next_same[row + i] = next < length ? next : -1;
    }
}

// Alpha (blockIdx.y = 0) or beta (blockIdx.y = 1) of one sample, and from alpha the loss.
//
// Thread i has the states i, i + blockDim.x, ...: PerThread of them. Shared memory has two rows of
// states, the frame before and the frame now, each with two places in front that stand for the states
// -2 and -1. A walk begins "in state -1": from there the first step leads to state 0 or, by a skip,
// to state 1, so the first frame is a frame like the others.
//
// Budget: 128 registers
extern "C" __global__ void __launch_bounds__(256, 1)
forward_backward(const Real* log_probs,      // [frames * batch * classes]
                 const Real* log_norm,       // [frames * batch]
                 const int* targets,         // [batch * longest]
                 const int* input_lengths,   // [batch]
                 const int* target_lengths,  // [batch]
                 int frames, int batch, int classes, int longest, int blank,
                 Real* tables,               // [gridDim.y * frames * batch * (2 * longest + 1)]
                 double* losses)             // [batch]
{
    extern __shared__ Real rows[];
    __shared__ Real greatest[8];  // of each warp
    const int sample = blockIdx.x, backward = blockIdx.y, warps = blockDim.x / 32;
    const int steps = input_lengths[sample], length = target_lengths[sample];
    const int states = 2 * length + 1, width = 2 * longest + 1;
    const int* target = targets + (Index)sample * longest;
    Real* before = rows;
    Real* now = rows + width + 2;

    int label[PerThread];
    bool skip[PerThread];
#pragma unroll
    for (int i = 0; i < PerThread; ++i) {
        const int s = threadIdx.x + i * blockDim.x;
        label[i] = blank;
        skip[i] = false;
        if (s < states && s % 2 == 1) {
            const int place = backward ? length - 1 - s / 2 : s / 2;
            const int earlier = backward ? place + 1 : place - 1;
            label[i] = target[place];
            skip[i] = s == 1 || target[earlier] != label[i];
        }
    }
    for (int s = threadIdx.x; s < states + 2; s += blockDim.x) {
        before[s] = s == 1 ? (Real)0 : minus_infinity();
        if (s < 2)
            now[s] = minus_infinity();
    }

    // The scores of the chunk that begins at `step`.
    Real ahead[CHUNK][PerThread], score[CHUNK][PerThread];
    auto fetch = [&](int step) {
#pragma unroll
        for (int k = 0; k < CHUNK; ++k)
#pragma unroll
            for (int i = 0; i < PerThread; ++i) {
                const int s = threadIdx.x + i * blockDim.x;
                ahead[k][i] = 0;
                if (step + k < steps && s < states) {
                    const int frame = backward ? steps - 1 - step - k : step + k;
                    const Index row = (Index)frame * batch + sample;
                    ahead[k][i] = log_probs[row * classes + label[i]] - log_norm[row];
                }
            }
    };

    double subtracted = 0;
    Real shift = 0;
    fetch(0);
    __syncthreads();
    for (int chunk = 0; chunk < steps; chunk += CHUNK) {
#pragma unroll
        for (int k = 0; k < CHUNK; ++k)
#pragma unroll
            for (int i = 0; i < PerThread; ++i)
                score[k][i] = ahead[k][i];
        fetch(chunk + CHUNK);
#pragma unroll
        for (int k = 0; k < CHUNK; ++k) {
            if (chunk + k >= steps)
                break;
            const int frame = backward ? steps - 1 - chunk - k : chunk + k;
            const Index row = ((Index)backward * frames + frame) * batch + sample;
            Real high = minus_infinity();
#pragma unroll
            for (int i = 0; i < PerThread; ++i) {
                const int s = threadIdx.x + i * blockDim.x;
                if (s < states) {
                    Real arriving = log_add(before[s + 2], before[s + 1],
                                            skip[i] ? before[s] : minus_infinity());
                    arriving -= k == 0 ? shift : (Real)0;
                    const Real value = arriving + score[k][i];
                    now[s + 2] = value;
                    high = max(high, value);
                    // Beta leaves the frame it stands at to alpha.
                    tables[row * width + (backward ? states - 1 - s : s)] =
                        backward ? arriving : value;
                }
            }
            if (threadIdx.x == 0)
                now[1] = minus_infinity();  // only the first row has a walk in state -1
            if (k == CHUNK - 1) {
                high = warp_max(high);
                if (threadIdx.x % 32 == 0)
                    greatest[threadIdx.x / 32] = high;
            }
            __syncthreads();
            Real* swap = before;
            before = now;
            now = swap;
        }
        shift = minus_infinity();
        if (chunk + CHUNK < steps)
            for (int warp = 0; warp < warps; ++warp)
                shift = max(shift, greatest[warp]);
        if (shift == minus_infinity())
            shift = 0;
        subtracted += shift;
    }
    if (threadIdx.x == 0 && !backward) {
        double total = length == 0 ? (double)0 : (double)minus_infinity();
        if (steps > 0)
            total = subtracted + log_add(before[states + 1], length > 0 ? before[states] : minus_infinity(),
                                         minus_infinity());
        losses[sample] = 0 - total;
    }
}

// One row of the gradient: a block for each frame of each sample. All threads write what the classes
// that are not in the target get, 0 or the softmax; the first warp meanwhile adds up the
// occupancies. Then one thread for each distinct label, and one for the blank, writes theirs.
//
// Budget: 64 registers
extern "C" __global__ void __launch_bounds__(256)
occupancy_gradient(const Real* scores,         // [frames * batch * classes]
                   const Real* log_norm,       // [frames * batch]
                   const Real* tables,         // [2 * frames * batch * (2 * longest + 1)]
                   const double* losses,       // [batch]
                   const int* targets,         // [batch * longest]
                   const int* input_lengths,   // [batch]
                   const int* target_lengths,  // [batch]
                   const int* first_same,      // [batch * longest]
                   const int* next_same,       // [batch * longest]
                   int frames, int batch, int classes, int longest, int blank, int from_logits,
                   Real* gradient)             // [frames * batch * classes]
{
    extern __shared__ Real share[];  // of each state, relative to the greatest
    __shared__ Real total;
    __shared__ Real blanks;
    const Index row = blockIdx.x;
    const int frame = row / batch, sample = row % batch;
    const Real infinity = -minus_infinity();
    // NaN compares false, so an undefined loss, too, teaches nothing.
    const bool learns = frame < input_lengths[sample] && (Real)losses[sample] < infinity;
    const Real norm = log_norm[row];
    for (int c = threadIdx.x; c < classes; c += blockDim.x)
        gradient[row * classes + c] =
            learns && from_logits ? exp(scores[row * classes + c] - norm) : (Real)0;
    if (!learns)
        return;  // the whole block

    const int length = target_lengths[sample], states = 2 * length + 1, width = 2 * longest + 1;
    if (threadIdx.x < 32) {
        const Real* alpha = tables + row * width;
        const Real* beta = alpha + (Index)frames * batch * width;
        Real high = minus_infinity();
        for (int s = threadIdx.x; s < states; s += 32) {
            share[s] = alpha[s] + beta[s];
            high = max(high, share[s]);
        }
        high = warp_max(high);
        Real sum = 0, blank_sum = 0;
        for (int s = threadIdx.x; s < states; s += 32) {
            share[s] = exp(share[s] - high);
            sum += share[s];
            blank_sum += s % 2 == 0 ? share[s] : (Real)0;
        }
        sum = warp_sum(sum);
        blank_sum = warp_sum(blank_sum);
        if (threadIdx.x == 0) {
            total = sum;
            blanks = blank_sum;
        }
    }
    __syncthreads();
    const Index start = (Index)sample * longest;
    for (int i = threadIdx.x; i <= length; i += blockDim.x) {
        Real occupancy = blanks;
        int label = blank;
        if (i < length) {
            if (first_same[start + i] != i)
                continue;
            label = targets[start + i];
            occupancy = 0;
            for (int j = i; j >= 0; j = next_same[start + j])
                occupancy += share[2 * j + 1];
        }
        const Real softmax = from_logits ? exp(scores[row * classes + label] - norm) : (Real)0;
        gradient[row * classes + label] = softmax - occupancy / total;
    }
}
