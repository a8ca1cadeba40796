// The parts of a layer between its matrix products, for x86 processors with AVX-512 and bfloat16.
//
// Each function does in one pass over memory what a tensor library does in five to ten. bfloat16
// is stored as uint16_t; sums are float32. Widths are multiples of 16, `head` of 32.
// `fast.py` calls these and knows what they are for; `net.py` says the same in plain operations.

#include <immintrin.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

typedef uint16_t bf16;

static inline __m512 load(const bf16 *from) {
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline void store(bf16 *to, __m512 value) {
  _mm256_storeu_si256((__m256i *)to, (__m256i)_mm512_cvtneps_pbh(value));
}

static inline __m512 load_some(__mmask16 mask, const bf16 *from) {
  __m512i wide = _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, from));
  return _mm512_castsi512_ps(_mm512_slli_epi32(wide, 16));
}

static inline void store_some(__mmask16 mask, bf16 *to, __m512 value) {
  _mm256_mask_storeu_epi16(to, mask, (__m256i)_mm512_cvtneps_pbh(value));
}

// e^x to about 2e-6, relative: 2^n times a polynomial for the rest, which lies in +-0.5.
static inline __m512 exponential(__m512 x) {
  __m512 t = _mm512_mul_ps(x, _mm512_set1_ps(1.44269504f));
  __m512 n = _mm512_roundscale_ps(t, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 f = _mm512_sub_ps(t, n);
  __m512 p = _mm512_set1_ps(1.33336498e-3f);
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(9.61812910e-3f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(5.55041087e-2f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(2.40226507e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(6.93147181e-1f));
  p = _mm512_fmadd_ps(p, f, _mm512_set1_ps(1.0f));
  return _mm512_scalef_ps(p, n);
}

static inline __m512 sigmoid(__m512 x) {
  __m512 one = _mm512_set1_ps(1.0f);
  __m512 e = exponential(_mm512_sub_ps(_mm512_setzero_ps(), x));
  return _mm512_div_ps(one, _mm512_add_ps(one, e));
}

// sum = x + y (y may be absent, then sum is not written); out = RMSNorm(sum); scale: 1 / rms.
void add_norm(int64_t rows, int64_t width, const float *x, const bf16 *y, const float *weight,
              float eps, float *sum, bf16 *out, float *scale) {
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < rows; row++) {
    const float *from = x + row * width;
    __m512 squares = _mm512_setzero_ps();
    for (int64_t i = 0; i < width; i += 16) {
      __m512 value = _mm512_loadu_ps(from + i);
      if (y) {
        value = _mm512_add_ps(value, load(y + row * width + i));
        _mm512_storeu_ps(sum + row * width + i, value);
      }
      squares = _mm512_fmadd_ps(value, value, squares);
    }
    float found = 1.0f / sqrtf(_mm512_reduce_add_ps(squares) / width + eps);
    scale[row] = found;
    __m512 factor = _mm512_set1_ps(found);
    const float *whole = y ? sum + row * width : from;
    for (int64_t i = 0; i < width; i += 16) {
      __m512 value = _mm512_mul_ps(_mm512_loadu_ps(whole + i), factor);
      store(out + row * width + i, _mm512_mul_ps(value, _mm512_loadu_ps(weight + i)));
    }
  }
}

// Gradient of add_norm: into the sum (float32 and bfloat16) and into the weight, which is added to.
// `above` is the gradient that reaches the sum past the norm; it may be absent.
void add_norm_back(int64_t rows, int64_t width, const float *sum, const float *scale,
                   const float *weight, const bf16 *out_grad, const float *above, float *grad,
                   bf16 *grad_bf16, float *weight_grad) {
#pragma omp parallel
  {
    float own[width] __attribute__((aligned(64)));
    memset(own, 0, sizeof own);
#pragma omp for schedule(static)
    for (int64_t row = 0; row < rows; row++) {
      const float *value = sum + row * width;
      const bf16 *given = out_grad + row * width;
      __m512 factor = _mm512_set1_ps(scale[row]), dot = _mm512_setzero_ps();
      for (int64_t i = 0; i < width; i += 16) {
        __m512 unit = _mm512_mul_ps(_mm512_loadu_ps(value + i), factor);
        __m512 both = _mm512_mul_ps(load(given + i), unit);
        _mm512_store_ps(own + i, _mm512_add_ps(_mm512_load_ps(own + i), both));
        dot = _mm512_fmadd_ps(both, _mm512_loadu_ps(weight + i), dot);
      }
      __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(dot) / width);
      for (int64_t i = 0; i < width; i += 16) {
        __m512 unit = _mm512_mul_ps(_mm512_loadu_ps(value + i), factor);
        __m512 inner = _mm512_mul_ps(load(given + i), _mm512_loadu_ps(weight + i));
        __m512 found = _mm512_mul_ps(_mm512_fnmadd_ps(unit, mean, inner), factor);
        if (above) found = _mm512_add_ps(found, _mm512_loadu_ps(above + row * width + i));
        _mm512_storeu_ps(grad + row * width + i, found);
        store(grad_bf16 + row * width + i, found);
      }
    }
#pragma omp critical
    for (int64_t i = 0; i < width; i++) weight_grad[i] += own[i];
  }
}

// Joined [row, query | key | value heads] to q [batch, group, query of the group, position],
// k and v [batch, group, position]; q and k turned by their position, q scaled.
void split_heads(int64_t batch, int64_t length, int64_t queries, int64_t keys, int64_t head,
                 float factor, const bf16 *joined, const float *cosine, const float *sine, bf16 *q,
                 bf16 *k, bf16 *v) {
  int64_t share = queries / keys, half = head / 2, heads = queries + 2 * keys;
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < batch * length; row++) {
    int64_t b = row / length, l = row % length;
    for (int64_t h = 0; h < heads; h++) {
      const bf16 *from = joined + (row * heads + h) * head;
      if (h >= queries + keys) {
        int64_t group = h - queries - keys;
        memcpy(v + ((b * keys + group) * length + l) * head, from, head * sizeof(bf16));
        continue;
      }
      bf16 *to = h < queries ? q + (((b * keys + h / share) * share + h % share) * length + l) * head
                             : k + ((b * keys + h - queries) * length + l) * head;
      __m512 scale = _mm512_set1_ps(h < queries ? factor : 1.0f);
      for (int64_t i = 0; i < half; i += 16) {
        __m512 c = _mm512_mul_ps(_mm512_loadu_ps(cosine + l * half + i), scale);
        __m512 s = _mm512_mul_ps(_mm512_loadu_ps(sine + l * half + i), scale);
        __m512 first = load(from + i), second = load(from + half + i);
        store(to + i, _mm512_fmsub_ps(first, c, _mm512_mul_ps(second, s)));
        store(to + half + i, _mm512_fmadd_ps(second, c, _mm512_mul_ps(first, s)));
      }
    }
  }
}

// Gradient of split_heads.
void split_heads_back(int64_t batch, int64_t length, int64_t queries, int64_t keys, int64_t head,
                      float factor, const bf16 *q, const bf16 *k, const bf16 *v,
                      const float *cosine, const float *sine, bf16 *joined) {
  int64_t share = queries / keys, half = head / 2, heads = queries + 2 * keys;
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < batch * length; row++) {
    int64_t b = row / length, l = row % length;
    for (int64_t h = 0; h < heads; h++) {
      bf16 *to = joined + (row * heads + h) * head;
      if (h >= queries + keys) {
        int64_t group = h - queries - keys;
        memcpy(to, v + ((b * keys + group) * length + l) * head, head * sizeof(bf16));
        continue;
      }
      const bf16 *from = h < queries
                             ? q + (((b * keys + h / share) * share + h % share) * length + l) * head
                             : k + ((b * keys + h - queries) * length + l) * head;
      __m512 scale = _mm512_set1_ps(h < queries ? factor : 1.0f);
      for (int64_t i = 0; i < half; i += 16) {
        __m512 c = _mm512_mul_ps(_mm512_loadu_ps(cosine + l * half + i), scale);
        __m512 s = _mm512_mul_ps(_mm512_loadu_ps(sine + l * half + i), scale);
        __m512 first = load(from + i), second = load(from + half + i);
        store(to + i, _mm512_fmadd_ps(first, c, _mm512_mul_ps(second, s)));
        store(to + half + i, _mm512_fmsub_ps(second, c, _mm512_mul_ps(first, s)));
      }
    }
  }
}

// [batch, head, position, size] to [batch, position, head, size].
void merge_heads(int64_t batch, int64_t length, int64_t heads, int64_t head, const bf16 *from,
                 bf16 *to) {
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < batch * length; row++) {
    int64_t b = row / length, l = row % length;
    for (int64_t h = 0; h < heads; h++)
      memcpy(to + (row * heads + h) * head, from + ((b * heads + h) * length + l) * head,
             head * sizeof(bf16));
  }
}

// The inverse of merge_heads, which is its gradient too.
void part_heads(int64_t batch, int64_t length, int64_t heads, int64_t head, const bf16 *from,
                bf16 *to) {
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < batch * length; row++) {
    int64_t b = row / length, l = row % length;
    for (int64_t h = 0; h < heads; h++)
      memcpy(to + ((b * heads + h) * length + l) * head, from + (row * heads + h) * head,
             head * sizeof(bf16));
  }
}

static inline __mmask16 first(int64_t count) {
  return count >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << count) - 1);
}

// Causal softmax in place over [matrices, length, length]; what lies in the future becomes 0.
void softmax(int64_t matrices, int64_t length, bf16 *scores) {
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < matrices * length; row++) {
    bf16 *at = scores + row * length;
    int64_t count = row % length + 1;
    __m512 least = _mm512_set1_ps(-3e38f), most = least, sum = _mm512_setzero_ps();
    float wide[(length + 15) & ~15] __attribute__((aligned(64)));
    for (int64_t i = 0; i < count; i += 16) {
      __mmask16 mask = first(count - i);
      __m512 value = _mm512_mask_mov_ps(least, mask, load_some(mask, at + i));
      _mm512_store_ps(wide + i, value);
      most = _mm512_max_ps(most, value);
    }
    __m512 top = _mm512_set1_ps(_mm512_reduce_max_ps(most));
    for (int64_t i = 0; i < count; i += 16) {
      __m512 value = exponential(_mm512_sub_ps(_mm512_load_ps(wide + i), top));
      value = _mm512_maskz_mov_ps(first(count - i), value);
      _mm512_store_ps(wide + i, value);
      sum = _mm512_add_ps(sum, value);
    }
    __m512 share = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(sum));
    for (int64_t i = 0; i < length; i += 16) {
      __m512 value = i < count ? _mm512_mul_ps(_mm512_load_ps(wide + i), share)
                               : _mm512_setzero_ps();
      store_some(first(length - i), at + i, value);
    }
  }
}

// Gradient of softmax, in place of the gradient of its result.
void softmax_back(int64_t matrices, int64_t length, const bf16 *shares, bf16 *grad) {
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < matrices * length; row++) {
    const bf16 *share = shares + row * length;
    bf16 *at = grad + row * length;
    __m512 dot = _mm512_setzero_ps();
    int64_t count = row % length + 1;
    for (int64_t i = 0; i < count; i += 16) {
      __mmask16 mask = first(count - i);
      dot = _mm512_fmadd_ps(load_some(mask, share + i), load_some(mask, at + i), dot);
    }
    __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(dot));
    for (int64_t i = 0; i < length; i += 16) {
      __mmask16 mask = first(count > i ? count - i : 0);
      __m512 value = _mm512_sub_ps(load_some(mask, at + i), mean);
      value = _mm512_mul_ps(load_some(mask, share + i), value);
      store_some(first(length - i), at + i, value);
    }
  }
}

// out = silu(gate) * up of [row, gate | up].
void gated(int64_t rows, int64_t width, const bf16 *joined, bf16 *out) {
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < rows; row++) {
    const bf16 *gate = joined + row * 2 * width, *up = gate + width;
    for (int64_t i = 0; i < width; i += 16) {
      __m512 g = load(gate + i);
      store(out + row * width + i, _mm512_mul_ps(_mm512_mul_ps(g, sigmoid(g)), load(up + i)));
    }
  }
}

// Gradient of gated; what it gave is computed again into `out`, which need not be kept for it.
void gated_back(int64_t rows, int64_t width, const bf16 *joined, const bf16 *out_grad, bf16 *grad,
                bf16 *out) {
  __m512 one = _mm512_set1_ps(1.0f);
#pragma omp parallel for schedule(static)
  for (int64_t row = 0; row < rows; row++) {
    const bf16 *gate = joined + row * 2 * width, *up = gate + width;
    bf16 *gate_grad = grad + row * 2 * width, *up_grad = gate_grad + width;
    for (int64_t i = 0; i < width; i += 16) {
      __m512 g = load(gate + i), u = load(up + i), d = load(out_grad + row * width + i);
      __m512 s = sigmoid(g), silu = _mm512_mul_ps(g, s);
      __m512 slope = _mm512_fmadd_ps(silu, _mm512_sub_ps(one, s), s);
      store(out + row * width + i, _mm512_mul_ps(silu, u));
      store(up_grad + i, _mm512_mul_ps(d, silu));
      store(gate_grad + i, _mm512_mul_ps(_mm512_mul_ps(d, u), slope));
    }
  }
}

// Exchanges rows and columns of 16 x 16 words of 32 bits.
static inline void turn(__m512i r[16]) {
  __m512i t[16];
  for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
  }
  for (int i = 0; i < 16; i += 4) {
    r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < 4; i++) {
    t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
  }
  for (int i = 0; i < 8; i++) {
    r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

// [rows, columns] to [columns, rows].
void transpose(int64_t rows, int64_t columns, const bf16 *from, bf16 *to) {
  int64_t whole = rows & ~(int64_t)31;
#pragma omp parallel for schedule(static)
  for (int64_t top = 0; top < whole; top += 32)
    for (int64_t left = 0; left < columns; left += 16) {
      __m512i pairs[16];  // of numbers that will be neighbours
      for (int i = 0; i < 16; i++) {
        const bf16 *at = from + (top + 2 * i) * columns + left;
        __m512i low = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)at));
        __m512i high = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)(at + columns)));
        pairs[i] = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
      }
      turn(pairs);
      for (int i = 0; i < 16; i++)
        _mm512_storeu_si512(to + (left + i) * rows + top, pairs[i]);
    }
  for (int64_t row = whole; row < rows; row++)
    for (int64_t column = 0; column < columns; column++)
      to[column * rows + row] = from[row * columns + column];
}
