// Which rotated boxes (cx, cy, w, h, angle) overlap by more than a threshold? One bit a pair.
struct Point {
    float x, y;
};

__device__ void corners(const float* box, Point* corner)
{
    float s, c;
    sincosf(box[4], &s, &c);
    float ux = 0.5f * box[2] * c, uy = -0.5f * box[2] * s;  // half of the width's side
    float vx = 0.5f * box[3] * s, vy = 0.5f * box[3] * c;   // half of the height's
    corner[0] = {-ux - vx, -uy - vy};
    corner[1] = {ux - vx, uy - vy};
    corner[2] = {ux + vx, uy + vy};
    corner[3] = {-ux + vx, -uy + vy};
}

// Clip box a by the four edges of box b (Sutherland and Hodgman), both relative to the centre of a.
__device__ float overlap(const float* a, const float* b)
{
    Point clip[4], polygon[8], clipped[8];
    corners(a, polygon);
    corners(b, clip);
    int count = 4;
    for (int edge = 0; edge < 4; ++edge) {
        Point p = clip[edge], q = clip[(edge + 1) % 4];
        p.x += b[0] - a[0];
        p.y += b[1] - a[1];
        q.x += b[0] - a[0];
        q.y += b[1] - a[1];
        int kept = 0;
        for (int i = 0; i < count; ++i) {
            Point s = polygon[i], t = polygon[(i + 1) % count];
            float side_s = (q.x - p.x) * (s.y - p.y) - (q.y - p.y) * (s.x - p.x);
            float side_t = (q.x - p.x) * (t.y - p.y) - (q.y - p.y) * (t.x - p.x);
            if (side_s >= 0)
                clipped[kept++] = s;
            if ((side_s >= 0) != (side_t >= 0)) {
                float along = side_s / (side_s - side_t);
                clipped[kept++] = {s.x + along * (t.x - s.x), s.y + along * (t.y - s.y)};
            }
        }
        count = kept;
        for (int i = 0; i < count; ++i)
            polygon[i] = clipped[i];
    }
    float area = 0.0f;
    for (int i = 0; i < count; ++i) {
        Point s = polygon[i], t = polygon[(i + 1) % count];
        area += 0.5f * (s.x * t.y - s.y * t.x);
    }
    return area / (a[2] * a[3] + b[2] * b[3] - area);
}

// Block (c, r) compares rows 64 r... with columns 64 c..., kept in shared memory; pairs are looked at once.
extern "C" __global__ void __launch_bounds__(64)
overlaps(int count, float threshold,
         const float* __restrict__ boxes,          // [count * 5]
         unsigned long long* __restrict__ matrix)  // [count * ((count + 63) / 64)]
{
    const int row = blockIdx.y, column = blockIdx.x, words = (count + 63) / 64;
    __shared__ float others[64 * 5];
    const int rows = min(count - row * 64, 64), columns = min(count - column * 64, 64);
    if (threadIdx.x < columns)
        for (int d = 0; d < 5; ++d)
            others[threadIdx.x * 5 + d] = boxes[(column * 64 + threadIdx.x) * 5 + d];
    __syncthreads();
    if (threadIdx.x < rows) {
        const float* box = boxes + (row * 64 + threadIdx.x) * 5;
        unsigned long long bits = 0;
        int first = row == column ? threadIdx.x + 1 : row < column ? 0 : columns;
        for (int i = first; i < columns; ++i)
            if (overlap(box, others + i * 5) > threshold)
                bits |= 1ull << i;
        matrix[(row * 64 + threadIdx.x) * words + column] = bits;
    }
}
