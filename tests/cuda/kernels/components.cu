// Connected components by union-find (Playne and Hawick, 2018). A label is the index of another pixel of
// the component, or of itself at the root; the smallest index wins. Background is -1.
__device__ int find_root(const volatile int* labels, int i)
{
    int parent = labels[i];
    while (parent != i) {
        i = parent;
        parent = labels[i];
    }
    return i;
}

__device__ void merge(int* labels, int a, int b)
{
    while (true) {
        a = find_root(labels, a);
        b = find_root(labels, b);
        if (a == b)
            return;
        int high = max(a, b), low = min(a, b);
        int old = atomicMin(&labels[high], low);
        if (old == high)
            return;
        a = old;  // another thread has moved `high` meanwhile: merge with where it hangs now
        b = low;
    }
}

extern "C" __global__ void prepare(const unsigned char* __restrict__ mask,  // [height * width]
                                   int height, int width,
                                   int* __restrict__ labels)                // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height)
        return;
    int i = y * width + x;
    labels[i] = mask[i] ? i : -1;
}

extern "C" __global__ void connect(const unsigned char* __restrict__ mask,  // [height * width]
                                   int height, int width,
                                   int* labels)                             // [height * width]
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    if (x >= width || y >= height)
        return;
    int i = y * width + x;
    if (!mask[i])
        return;
    if (x > 0 && mask[i - 1])
        merge(labels, i, i - 1);
    if (y == 0)
        return;
    if (mask[i - width])
        merge(labels, i, i - width);
    if (x > 0 && mask[i - width - 1])
        merge(labels, i, i - width - 1);
    if (x + 1 < width && mask[i - width + 1])
        merge(labels, i, i - width + 1);
}

extern "C" __global__ void flatten(int count,
                                   int* labels)  // [count]
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count)
        return;
    const volatile int* seen = labels;
    if (seen[i] >= 0)
        atomicExch(&labels[i], find_root(labels, i));
}
