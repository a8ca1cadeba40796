/* One pass of a Llama network over int4 weights, on all the cores that are lent to it.
 *
 * The step is a row of phases, five a layer. A phase is cut into chunks which any thread may claim;
 * who finishes the last one does the phase's small serial end and opens the next phase. So nobody
 * waits for a thread that holds no chunk: one thread alone finishes a step as well as eight.
 *
 * Weights lie in cells of 16 rows x 32 columns in the order in which they are read (see pack.py).
 * Only the part headed "what differs between processors" knows instructions.
 */

typedef signed char i8;
typedef unsigned char u8;
typedef unsigned short u16;
typedef int i32;
typedef unsigned u32;
typedef unsigned long long u64;
typedef float f32;

enum { ROWS = 16, BLOCK = 32, QUADS = BLOCK / 4, MOST = 64, TILE = 16 };
enum { Q4_0, Q4_1, Q8_0 };                             /* kinds of cell */
enum { QKV, ATTEND, OUT, GATE_UP, DOWN, PHASES };      /* of a layer; after the last layer: HEAD */
enum { WORK = 1000, SPINS = 2000 };                    /* pauses before a thread yields, or sleeps */
enum { FEW = 4, PEAK = 9 };                            /* see round_block */

typedef struct {
  const u8 *cells;  /* [groups][blocks] */
  i32 kind;
  i32 groups;       /* of 16 rows */
  i32 blocks;       /* of 32 columns */
} Matrix;

typedef struct {
  const f32 *attn_norm, *ffn_norm;
  u16 *keys;    /* fp16 [kv_heads][slots / 16][head_dim][16] */
  u16 *values;  /* fp16 [kv_heads][slots][head_dim] */
  Matrix qkv, out, gate_up, down;
} Layer;

typedef struct {  /* activations as the products read them: scale * (256 * first byte + second) */
  i8 *bytes;       /* [T][blocks][2][32]: first bytes, then second ones */
  f32 *scale;      /* [T][blocks] */
  i32 *offset;     /* [T][blocks]: -8 times the sum of those numbers */
  u8 *fine;        /* [T][blocks]: do the second bytes count? */
} Rounded;

typedef struct {
  /* The network. */
  const Layer *layers;
  const f32 *norm;
  Matrix head;
  i32 count, dim, hidden, heads, kv_heads, head_dim, slots, chunk;  /* chunk: in groups */
  f32 epsilon, attention_scale;
  /* What is asked. */
  const i32 *rows;       /* tokens whose logits are wanted */
  const u8 *visible;     /* [T][slots]: does token t see slot s? */
  const f32 *rotation;   /* cosines and sines, [2][T][head_dim / 2] */
  i32 tokens, start, wanted, processor;  /* the last one is our answer */
  /* Memory. */
  f32 *x;                /* [T][dim]: the embeddings; the residual stream */
  f32 *queries;          /* [T][dim] */
  f32 *scores;           /* [workers][slots] */
  f32 *logits;           /* [wanted][groups of the head * 16] */
  Rounded narrow, wide;  /* of `dim` and of `hidden` columns */
  /* Who does what; each on a cache line of its own. */
  u64 claim __attribute__((aligned(64)));  /* phase << 32 | chunks that nobody has yet, and one more; or no step */
  u32 done __attribute__((aligned(64)));   /* chunks of the phase that are finished */
  u32 first;                               /* number of the step's first phase */
  u32 calls __attribute__((aligned(64)));  /* counts the steps; what sleepers wait for */
  u32 sleeping, leave;
} Step;

static void work(Step *s, i32 worker);
static void begin(Step *s);
static void about(Step *s);
static void end(Step *s, i32 phase);
static void wait_for_call(Step *s, u32 seen);
static void wake(Step *s);

/* Thread 0 does a step. Every other one lends a hand with all steps until thread -1 sends it away.
 * Thread -2 only says what the program was compiled for. */
void edge_agent_step(Step *s, long worker) {
  if (worker == -2) return about(s);
  if (worker == -1) __atomic_store_n(&s->leave, 1, __ATOMIC_RELEASE);
  if (worker == 0) begin(s);
  if (worker <= 0) wake(s);
  if (worker == 0) work(s, 0);
  if (worker <= 0) return;
  u32 seen = __atomic_load_n(&s->calls, __ATOMIC_ACQUIRE);
  while (!__atomic_load_n(&s->leave, __ATOMIC_ACQUIRE)) {
    work(s, (i32)worker);
    wait_for_call(s, seen);
    seen = __atomic_load_n(&s->calls, __ATOMIC_ACQUIRE);
  }
}

/* ---- what differs between processors ------------------------------------------------------- */

#define INLINE static inline __attribute__((always_inline))

#if defined(__x86_64__)
#include <immintrin.h>
#define pause() _mm_pause()
#elif defined(__aarch64__)
#include <arm_neon.h>
#define pause() __asm__ volatile("yield")
#else
#define pause() __asm__ volatile("" ::: "memory")
#endif

#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
enum { LANES = 16, PROCESSOR = 3 };
#elif defined(__AVXVNNI__)
enum { LANES = 8, PROCESSOR = 2 };
#elif defined(__AVX2__)
enum { LANES = 8, PROCESSOR = 1 };
#elif defined(__ARM_FEATURE_DOTPROD)
enum { LANES = 4, PROCESSOR = 5 };
#elif defined(__aarch64__)
enum { LANES = 4, PROCESSOR = 4 };
#else
enum { LANES = 4, PROCESSOR = 0 };
#endif

typedef i8 Bytes __attribute__((vector_size(4 * LANES), aligned(1)));    /* LANES rows x 4 columns */
typedef u8 Nibbles __attribute__((vector_size(4 * LANES), aligned(1)));
typedef i32 Ints __attribute__((vector_size(4 * LANES), aligned(4)));
typedef f32 Floats __attribute__((vector_size(4 * LANES), aligned(4)));
typedef u8 Flags __attribute__((vector_size(LANES), aligned(1)));
typedef i8 Small __attribute__((vector_size(LANES), aligned(1)));

/* `Sums` gathers products of a block; `gather` adds four columns of unsigned nibbles, `gather_signed`
 * of signed bytes; `total` is what they come to, but for `SIGNED_OFFSET` times the activations. */
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
typedef __m512i Sums;
enum { SIGNED_OFFSET = 128 };
INLINE Floats halves(const u16 *at) { return (Floats)_mm512_cvtph_ps(_mm256_loadu_si256((const void *)at)); }
INLINE void store_halves(u16 *at, Floats x) { _mm256_storeu_si256((void *)at, _mm512_cvtps_ph((__m512)x, 0)); }
INLINE Sums nothing(void) { return _mm512_setzero_si512(); }
INLINE Sums gather(Sums s, Bytes w, i32 quad) { return _mm512_dpbusd_epi32(s, (__m512i)w, _mm512_set1_epi32(quad)); }
INLINE Sums gather_signed(Sums s, Bytes w, i32 quad) { return gather(s, w ^ (i8)-128, quad); }
INLINE Ints total(Sums s) { return (Ints)s; }
INLINE Ints total_signed(Sums s) { return (Ints)s; }
#elif defined(__AVX2__)
typedef __m256i Sums;
INLINE Floats halves(const u16 *at) { return (Floats)_mm256_cvtph_ps(_mm_loadu_si128((const void *)at)); }
INLINE void store_halves(u16 *at, Floats x) { _mm_storeu_si128((void *)at, _mm256_cvtps_ph((__m256)x, 0)); }
INLINE Sums nothing(void) { return _mm256_setzero_si256(); }
#if defined(__AVXVNNI__)
enum { SIGNED_OFFSET = 128 };
INLINE Sums gather(Sums s, Bytes w, i32 quad) { return _mm256_dpbusd_avx_epi32(s, (__m256i)w, _mm256_set1_epi32(quad)); }
INLINE Sums gather_signed(Sums s, Bytes w, i32 quad) { return gather(s, w ^ (i8)-128, quad); }
INLINE Ints total(Sums s) { return (Ints)s; }
INLINE Ints total_signed(Sums s) { return (Ints)s; }
#else
enum { SIGNED_OFFSET = 0 };
/* 8 quads of 15 * 127 twice stay below 2 ** 15: nibbles are summed in 16 bits. */
INLINE Sums gather(Sums s, Bytes w, i32 quad) {
  return _mm256_add_epi16(s, _mm256_maddubs_epi16((__m256i)w, _mm256_set1_epi32(quad)));
}
INLINE Ints total(Sums s) { return (Ints)_mm256_madd_epi16(s, _mm256_set1_epi16(1)); }
INLINE Sums gather_signed(Sums s, Bytes w, i32 quad) {
  __m256i a = _mm256_sign_epi8(_mm256_set1_epi32(quad), (__m256i)w);
  __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8((__m256i)w), a);
  return _mm256_add_epi32(s, _mm256_madd_epi16(pairs, _mm256_set1_epi16(1)));
}
INLINE Ints total_signed(Sums s) { return (Ints)s; }
#endif
#elif defined(__aarch64__)
enum { SIGNED_OFFSET = 0 };
INLINE Floats halves(const u16 *at) { return (Floats)vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(at))); }
INLINE void store_halves(u16 *at, Floats x) { vst1_u16(at, vreinterpret_u16_f16(vcvt_f16_f32((float32x4_t)x))); }
#if defined(__ARM_FEATURE_DOTPROD)
typedef int32x4_t Sums;
INLINE Sums nothing(void) { return vdupq_n_s32(0); }
INLINE Sums gather(Sums s, Bytes w, i32 quad) { return vdotq_s32(s, (int8x16_t)w, vreinterpretq_s8_s32(vdupq_n_s32(quad))); }
INLINE Sums gather_signed(Sums s, Bytes w, i32 quad) { return gather(s, w, quad); }
INLINE Ints total(Sums s) { return (Ints)s; }
INLINE Ints total_signed(Sums s) { return (Ints)s; }
#else
/* Nibbles are summed in 16 bits: two rows of four columns in each half. */
typedef struct { int16x8_t low, high; int32x4_t all; } Sums;
INLINE Sums nothing(void) { return (Sums){vdupq_n_s16(0), vdupq_n_s16(0), vdupq_n_s32(0)}; }
INLINE Sums gather(Sums s, Bytes w, i32 quad) {
  int8x8_t a = vreinterpret_s8_s32(vdup_n_s32(quad));
  s.low = vmlal_s8(s.low, vget_low_s8((int8x16_t)w), a);
  s.high = vmlal_s8(s.high, vget_high_s8((int8x16_t)w), a);
  return s;
}
INLINE Ints total(Sums s) { return (Ints)vpaddq_s32(vpaddlq_s16(s.low), vpaddlq_s16(s.high)); }
INLINE Sums gather_signed(Sums s, Bytes w, i32 quad) {
  int8x8_t a = vreinterpret_s8_s32(vdup_n_s32(quad));
  int16x8_t low = vmull_s8(vget_low_s8((int8x16_t)w), a), high = vmull_s8(vget_high_s8((int8x16_t)w), a);
  s.all = vaddq_s32(s.all, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)));
  return s;
}
INLINE Ints total_signed(Sums s) { return (Ints)s.all; }
#endif
#else
enum { SIGNED_OFFSET = 0 };
typedef Ints Sums;
INLINE f32 half(u16 h) {
  union { u32 bits; f32 value; } found, scale = {.bits = 0x77800000};  /* 2 ** 112 */
  found.bits = (u32)(h & 0x7fff) << 13;
  found.value *= scale.value;
  found.bits |= (u32)(h & 0x8000) << 16;
  return found.value;
}
INLINE u16 from_float(f32 x) {
  union { f32 value; u32 bits; } in = {x}, scale = {.bits = 0x07800000};  /* 2 ** -112 */
  u32 sign = in.bits >> 16 & 0x8000;
  in.bits &= 0x7fffffff;
  in.value *= scale.value;
  u32 found = (in.bits + 0xfff + (in.bits >> 13 & 1)) >> 13;
  return (u16)(sign | (found < 0x7c00 ? found : 0x7c00));
}
INLINE Floats halves(const u16 *at) { Floats x; for (i32 i = 0; i < LANES; i++) x[i] = half(at[i]); return x; }
INLINE void store_halves(u16 *at, Floats x) { for (i32 i = 0; i < LANES; i++) at[i] = from_float(x[i]); }
INLINE Sums nothing(void) { return (Sums){0}; }
INLINE Sums gather(Sums s, Bytes w, i32 quad) {
  union { i32 all; i8 one[4]; } a = {quad};
  for (i32 i = 0; i < LANES; i++)
    for (i32 c = 0; c < 4; c++) s[i] += w[4 * i + c] * a.one[c];
  return s;
}
INLINE Sums gather_signed(Sums s, Bytes w, i32 quad) { return gather(s, w, quad); }
INLINE Ints total(Sums s) { return s; }
INLINE Ints total_signed(Sums s) { return s; }
#endif

#if defined(__x86_64__)
INLINE long system_call(long number, void *a, long b, long c, void *d) {
  long result;
  register void *r10 __asm__("r10") = d;
  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
enum { FUTEX = 202, YIELD = 24 };
#elif defined(__aarch64__)
INLINE long system_call(long number, void *a, long b, long c, void *d) {
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = (long)a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register void *x3 __asm__("x3") = d;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
enum { FUTEX = 98, YIELD = 124 };
#else
INLINE long system_call(long number, void *a, long b, long c, void *d) { return 0; }  /* threads spin */
enum { FUTEX, YIELD };
#endif

/* ---- threads ------------------------------------------------------------------------------- */

enum { FUTEX_WAIT_PRIVATE = 128, FUTEX_WAKE_PRIVATE = 129 };

static void wait_for_call(Step *s, u32 seen) {
  for (i32 spin = 0; spin < SPINS; spin++) {
    if (__atomic_load_n(&s->calls, __ATOMIC_ACQUIRE) != seen) return;
    pause();
  }
  __atomic_fetch_add(&s->sleeping, 1, __ATOMIC_SEQ_CST);
  while (__atomic_load_n(&s->calls, __ATOMIC_SEQ_CST) == seen)
    system_call(FUTEX, &s->calls, FUTEX_WAIT_PRIVATE, seen, 0);
  __atomic_fetch_sub(&s->sleeping, 1, __ATOMIC_SEQ_CST);
}

static void wake(Step *s) {
  __atomic_fetch_add(&s->calls, 1, __ATOMIC_SEQ_CST);
  if (__atomic_load_n(&s->sleeping, __ATOMIC_SEQ_CST))
    system_call(FUTEX, &s->calls, FUTEX_WAKE_PRIVATE, 0x7fffffff, 0);
}

static i32 chunks_of(const Step *s, i32 phase);
static void chunk(Step *s, i32 phase, i32 index, i32 worker);

/* Opens a phase, or, after the last one, nothing. */
static void open_phase(Step *s, u32 phase) {
  u32 chunks = phase > (u32)(s->count * PHASES) ? 0 : (u32)chunks_of(s, (i32)phase) + 1;
  __atomic_store_n(&s->done, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&s->claim, (u64)(s->first + phase) << 32 | chunks, __ATOMIC_RELEASE);
}

/* Claims chunks until the step is over. Whether there is one is said by `claim` alone: a thread that
 * was asleep for some steps cannot take the numbers of one for those of another. */
static void work(Step *s, i32 worker) {
  for (i32 spin = 0;;) {
    u64 seen = __atomic_load_n(&s->claim, __ATOMIC_ACQUIRE);
    u32 left = (u32)seen;
    if (left == 0) return;
    if (left == 1) {
      pause();
      if (++spin > WORK) system_call(YIELD, 0, 0, 0, 0);
      continue;
    }
    if (!__atomic_compare_exchange_n(&s->claim, &seen, seen - 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) continue;
    spin = 0;
    u32 phase = (u32)(seen >> 32) - s->first, chunks = (u32)chunks_of(s, (i32)phase);
    chunk(s, (i32)phase, (i32)(left - 2), worker);
    if (__atomic_add_fetch(&s->done, 1, __ATOMIC_ACQ_REL) == chunks) {
      end(s, (i32)phase);
      open_phase(s, phase + 1);
    }
  }
}

/* ---- arithmetic on vectors ----------------------------------------------------------------- */

INLINE Floats spread(f32 x) { return (Floats){0} + x; }
INLINE Floats load(const f32 *at) { return *(const Floats *)at; }
INLINE void store(f32 *at, Floats x) { *(Floats *)at = x; }
INLINE Floats pick(Ints flags, Floats yes, Floats no) { return (Floats)(((Ints)yes & flags) | ((Ints)no & ~flags)); }
INLINE Floats larger(Floats a, Floats b) { return pick(a > b, a, b); }

INLINE f32 sum(Floats x) {
  f32 found = 0;
  for (i32 i = 0; i < LANES; i++) found += x[i];
  return found;
}

INLINE f32 largest(Floats x) {
  f32 found = x[0];
  for (i32 i = 1; i < LANES; i++) found = x[i] > found ? x[i] : found;
  return found;
}

INLINE Floats to_whole(Floats x) { return x + 12582912.0f - 12582912.0f; }  /* to the nearest */

/* e to the x, to 2e-7 of its value; x below -87 gives 0, above 87 the value at 87. */
INLINE Floats power(Floats x) {
  Ints tiny = x < -87.0f;
  x = pick(x > 87.0f, spread(87.0f), pick(tiny, spread(-87.0f), x));
  Floats whole = to_whole(x * 1.44269504f);
  Floats rest = x - whole * 0.693359375f + whole * 2.12194440e-4f;
  Floats found = rest * 1.9875691500e-4f + 1.3981999507e-3f;
  found = found * rest + 8.3334519073e-3f;
  found = found * rest + 4.1665795894e-2f;
  found = found * rest + 1.6666665459e-1f;
  found = found * rest + 5.0000001201e-1f;
  found = found * rest * rest + rest + 1.0f;
  Ints exponent = (__builtin_convertvector(whole, Ints) + 127) << 23;
  return pick(tiny, spread(0), found * (Floats)exponent);
}

INLINE void store_small(i8 *at, Floats x) { *(Small *)at = __builtin_convertvector(__builtin_convertvector(x, Ints), Small); }

/* Rounds 32 numbers to 16 bits with a common scale, two bytes each. The second ones count for a few
 * tokens, which wait for the weights anyway, and where a number dwarfs the others, to which 8 bits would
 * leave next to nothing: where its square is PEAK times `mean` or more, or, where that is not known,
 * times the mean of the block. */
INLINE void round_block(const f32 *x, Rounded to, i32 block, i32 tokens, f32 mean) {
  Floats top = spread(0), squares = spread(0);
  for (i32 i = 0; i < BLOCK; i += LANES) {
    Floats v = load(x + i);
    top = larger(top, larger(v, -v));
    squares += v * v;
  }
  f32 most = largest(top), inverse = most > 0 ? 127.0f / most : 0;
  if (mean == 0) mean = sum(squares) / BLOCK;
  i32 fine = tokens <= FEW || most * most >= PEAK * mean;
  i8 *bytes = to.bytes + (long)block * 2 * BLOCK;
  Floats all = spread(0);
  for (i32 i = 0; i < BLOCK; i += LANES) {
    Floats v = load(x + i) * inverse, first = to_whole(v), second = to_whole((v - first) * 254.0f);
    all += first * 256.0f + (fine ? second : spread(0));
    store_small(bytes + i, first);
    store_small(bytes + BLOCK + i, second);
  }
  to.fine[block] = (u8)fine;
  to.scale[block] = most / (127.0f * 256.0f);
  to.offset[block] = -8 * (i32)sum(all);
}

/* Scales a row to a root mean square of 1 and by the norm's weights, and rounds it. */
static void round_row(const Step *s, const f32 *x, const f32 *norm, i32 token) {
  Floats squares = spread(0), weighed = spread(0);
  for (i32 i = 0; i < s->dim; i += LANES) {
    Floats v = load(x + i), w = v * load(norm + i);
    squares += v * v;
    weighed += w * w;
  }
  f32 scale = 1.0f / __builtin_sqrtf(sum(squares) / (f32)s->dim + s->epsilon), mean = scale * scale * sum(weighed) / (f32)s->dim;
  i32 blocks = s->dim / BLOCK;
  for (i32 block = 0; block < blocks; block++) {
    f32 row[BLOCK];
    for (i32 i = 0; i < BLOCK; i += LANES) store(row + i, load(x + block * BLOCK + i) * scale * load(norm + block * BLOCK + i));
    round_block(row, s->narrow, token * blocks + block, s->tokens, mean);
  }
}

/* ---- products ------------------------------------------------------------------------------ */

INLINE i32 weights_of(const i32 kind) { return kind == Q8_0 ? ROWS * BLOCK : ROWS * BLOCK / 2; }
INLINE i32 size_of(const i32 kind) { return weights_of(kind) + 2 * ROWS * (kind == Q4_1 ? 2 : 1); }

/* LANES rows of a cell times 32 bytes. */
INLINE Ints dot(const i32 kind, const Bytes *w, const i8 *bytes) {
  const i32 *quads = (const i32 *)bytes;
  Sums sums = nothing();
  for (i32 k = 0; k < QUADS; k++) sums = kind == Q8_0 ? gather_signed(sums, w[k], quads[k]) : gather(sums, w[k], quads[k]);
  return kind == Q8_0 ? total_signed(sums) : total(sums);
}

/* LANES rows of a group of cells, from row `from` on, times n tokens: y[token][16]. */
INLINE void tile(const i32 n, const i32 kind, i32 blocks, const u8 *cells, i32 from, Rounded a, i32 token, f32 *y) {
  const i32 eights = (kind == Q4_0 ? 8 : kind == Q8_0 ? SIGNED_OFFSET : 0) / 8;
  Floats found[TILE];
  for (i32 t = 0; t < n; t++) found[t] = spread(0);
  for (i32 block = 0; block < blocks; block++) {
    const u8 *cell = cells + (long)block * size_of(kind), *numbers = cell + weights_of(kind);
    if (from == 0)
      for (i32 line = 0; line < size_of(kind); line += 64) __builtin_prefetch(cell + 4096 + line);
    Bytes w[QUADS];
    for (i32 k = 0; k < QUADS; k++) {
      if (kind == Q8_0)
        w[k] = *(const Bytes *)(cell + k * 4 * ROWS + 4 * from);
      else if (k % 2 == 0) {
        Nibbles pair = *(const Nibbles *)(cell + k / 2 * 4 * ROWS + 4 * from);
        w[k] = (Bytes)(pair & 15);
        w[k + 1] = (Bytes)(pair >> 4);
      }
    }
    Floats scale = halves((const u16 *)numbers + from), least = spread(0);
    if (kind == Q4_1) least = halves((const u16 *)numbers + ROWS + from);
    _Pragma("clang loop unroll(full)")
    for (i32 t = 0; t < n; t++) {
      long at = (long)(token + t) * blocks + block;
      const i8 *bytes = a.bytes + at * 2 * BLOCK;
      Ints all = dot(kind, w, bytes) << 8;
      if (a.fine[at]) all += dot(kind, w, bytes + BLOCK);
      if (eights) all += ((Ints){0} + a.offset[at]) * eights;
      found[t] += scale * (__builtin_convertvector(all, Floats) * a.scale[at]);
      if (kind == Q4_1) found[t] -= least * ((f32)a.offset[at] * a.scale[at] / 8);
    }
  }
  for (i32 t = 0; t < n; t++) store(y + (token + t) * ROWS + from, found[t]);
}

INLINE void tiles(const i32 kind, const Matrix *m, i32 group, Rounded a, i32 tokens, f32 *y) {
  const u8 *cells = m->cells + (long)group * m->blocks * size_of(kind);
  for (i32 from = 0; from < ROWS; from += LANES) {
    i32 t = 0;
    for (; t + 16 <= tokens && LANES == 16; t += 16) tile(16, kind, m->blocks, cells, from, a, t, y);
    for (; t + 8 <= tokens && LANES == 16; t += 8) tile(8, kind, m->blocks, cells, from, a, t, y);
    for (; t + 4 <= tokens; t += 4) tile(4, kind, m->blocks, cells, from, a, t, y);
    for (; t + 2 <= tokens; t += 2) tile(2, kind, m->blocks, cells, from, a, t, y);
    if (t < tokens) tile(1, kind, m->blocks, cells, from, a, t, y);
  }
}

/* The 16 rows of a group times all tokens: y[token][16]. */
static void product(const Matrix *m, i32 group, Rounded a, i32 tokens, f32 *y) {
  switch (m->kind) {
    case Q4_0: tiles(Q4_0, m, group, a, tokens, y); break;
    case Q4_1: tiles(Q4_1, m, group, a, tokens, y); break;
    default: tiles(Q8_0, m, group, a, tokens, y);
  }
}

/* ---- the phases ---------------------------------------------------------------------------- */

INLINE const Matrix *matrix_of(const Step *s, i32 phase) {
  const Layer *layer = s->layers + phase / PHASES;
  if (phase / PHASES == s->count) return &s->head;
  switch (phase % PHASES) {
    case QKV: return &layer->qkv;
    case OUT: return &layer->out;
    case GATE_UP: return &layer->gate_up;
    default: return &layer->down;
  }
}

INLINE i32 groups_of_chunk(const Step *s, i32 phase) {
  i32 size = s->chunk * (MOST / 4 > s->tokens ? 2 : 1);
  return phase % PHASES == GATE_UP && phase / PHASES < s->count ? (size + 3) / 4 * 4 : size;
}

static i32 chunks_of(const Step *s, i32 phase) {
  if (phase / PHASES < s->count && phase % PHASES == ATTEND) return s->heads * s->tokens;
  if (phase / PHASES == s->count && s->wanted == 0) return 1;  /* an empty one: it must be closed */
  i32 size = groups_of_chunk(s, phase);
  return (matrix_of(s, phase)->groups + size - 1) / size;
}

static void attend(Step *s, const Layer *layer, i32 head, i32 token, f32 *scores) {
  i32 size = s->head_dim, kv = head / (s->heads / s->kv_heads), seen = s->start + token + 1;  /* none sees a later one */
  const f32 *query = s->queries + (long)token * s->dim + head * size;
  const u8 *visible = s->visible + (long)token * s->slots;
  const u16 *keys = layer->keys + (long)kv * s->slots * size, *values = layer->values + (long)kv * s->slots * size;
  Floats top = spread(-1e30f);
  for (i32 slot = 0; slot < seen; slot += LANES) {
    const u16 *column = keys + (long)(slot / 16) * size * 16 + slot % 16;
    Floats found[4] = {spread(0), spread(0), spread(0), spread(0)};
    for (i32 i = 0; i < size; i += 4)
      for (i32 j = 0; j < 4; j++) found[j] += halves(column + (i + j) * 16) * query[i + j];
    Ints flags = __builtin_convertvector(*(const Flags *)(visible + slot), Ints) != 0;
    Floats all = (found[0] + found[1] + (found[2] + found[3])) * s->attention_scale;
    all = pick(flags, all, spread(-1e30f));
    store(scores + slot, all);
    top = larger(top, all);
  }
  f32 most = largest(top);
  Floats weight = spread(0);
  for (i32 slot = 0; slot < seen; slot += LANES) {
    Floats share = power(load(scores + slot) - most);
    store(scores + slot, share);
    weight += share;
  }
  f32 scale = 1.0f / sum(weight);
  i32 blocks = size / BLOCK;
  for (i32 block = 0; block < blocks; block++) {
    Floats mixed[BLOCK / LANES];
    for (i32 i = 0; i < BLOCK / LANES; i++) mixed[i] = spread(0);
    for (i32 slot = 0; slot < seen; slot++) {
      f32 share = scores[slot];
      if (share == 0) continue;
      const u16 *value = values + (long)slot * size + block * BLOCK;
      for (i32 i = 0; i < BLOCK / LANES; i++) mixed[i] += halves(value + i * LANES) * share;
    }
    f32 row[BLOCK];
    for (i32 i = 0; i < BLOCK / LANES; i++) store(row + i * LANES, mixed[i] * scale);
    round_block(row, s->narrow, (token * s->heads + head) * blocks + block, s->tokens, 0);
  }
}

/* Puts 16 rows of queries, keys or values of a token where they belong; queries and keys are turned by
 * its position, pairs of neighbours at once: rows are in llama.cpp's order. */
INLINE void place(const Step *s, const Layer *layer, i32 token, i32 group, f32 *x) {
  i32 size = s->head_dim, head = group * ROWS / size, at = group * ROWS % size, slot = s->start + token;
  if (head < s->heads + s->kv_heads) {
    const f32 *cos = s->rotation + (token * size + at) / 2, *sin = cos + s->tokens * size / 2;
    for (i32 i = 0; i < ROWS / 2; i++) {
      f32 even = x[2 * i], odd = x[2 * i + 1];
      x[2 * i] = even * cos[i] - odd * sin[i];
      x[2 * i + 1] = even * sin[i] + odd * cos[i];
    }
  }
  i32 key = head - s->heads, value = key - s->kv_heads;
  if (key < 0) {
    for (i32 i = 0; i < ROWS; i += LANES) store(s->queries + (long)token * s->dim + group * ROWS + i, load(x + i));
  } else if (value < 0) {
    u16 *keys = layer->keys + ((long)key * s->slots + slot / 16 * 16) * size + at * 16 + slot % 16, halved[ROWS];
    for (i32 i = 0; i < ROWS; i += LANES) store_halves(halved + i, load(x + i));
    for (i32 i = 0; i < ROWS; i++) keys[i * 16] = halved[i];
  } else {
    for (i32 i = 0; i < ROWS; i += LANES) store_halves(layer->values + ((long)value * s->slots + slot) * size + at + i, load(x + i));
  }
}

static void chunk(Step *s, i32 phase, i32 index, i32 worker) {
  const Layer *layer = s->layers + phase / PHASES;
  i32 last = phase / PHASES == s->count, kind = phase % PHASES, tokens = last ? s->wanted : s->tokens;
  if (!last && kind == ATTEND) {
    attend(s, layer, index % s->heads, index / s->heads, s->scores + (long)worker * s->slots);
    return;
  }
  const Matrix *m = matrix_of(s, phase);
  i32 size = groups_of_chunk(s, phase), from = index * size, to = from + size;
  if (to > m->groups) to = m->groups;
  f32 y[MOST * ROWS], up[MOST * ROWS], row[MOST * BLOCK];
  for (i32 group = from; group < to; group++) {
    if (last) {
      product(m, group, s->narrow, tokens, y);
      for (i32 t = 0; t < tokens; t++)
        for (i32 i = 0; i < ROWS; i += LANES) store(s->logits + ((long)t * m->groups + group) * ROWS + i, load(y + t * ROWS + i));
    } else if (kind == QKV) {
      product(m, group, s->narrow, tokens, y);
      for (i32 t = 0; t < tokens; t++) place(s, layer, t, group, y + t * ROWS);
    } else if (kind == GATE_UP) {
      product(m, group++, s->narrow, tokens, y);
      product(m, group, s->narrow, tokens, up);
      i32 half = group / 2 % 2 * ROWS;
      for (i32 t = 0; t < tokens; t++)
        for (i32 i = 0; i < ROWS; i += LANES) {
          Floats gate = load(y + t * ROWS + i);
          store(row + t * BLOCK + half + i, gate / (1.0f + power(-gate)) * load(up + t * ROWS + i));
        }
      if (half)
        for (i32 t = 0; t < tokens; t++) round_block(row + t * BLOCK, s->wide, t * s->hidden / BLOCK + group / 4, tokens, 0);
    } else {
      product(m, group, kind == OUT ? s->narrow : s->wide, tokens, y);
      for (i32 t = 0; t < tokens; t++)
        for (i32 i = 0; i < ROWS; i += LANES) {
          f32 *x = s->x + (long)t * s->dim + group * ROWS + i;
          store(x, load(x) + load(y + t * ROWS + i));
        }
    }
  }
}

static void about(Step *s) { s->processor = PROCESSOR; }

static void begin(Step *s) {
  for (i32 t = 0; t < s->tokens; t++) round_row(s, s->x + (long)t * s->dim, s->layers->attn_norm, t);
  s->first += (u32)(s->count * PHASES) + 2;
  open_phase(s, 0);
}

static void end(Step *s, i32 phase) {
  i32 index = phase / PHASES;
  if (index == s->count) return;
  const Layer *layer = s->layers + index;
  switch (phase % PHASES) {
    case OUT:
      for (i32 t = 0; t < s->tokens; t++) round_row(s, s->x + (long)t * s->dim, layer->ffn_norm, t);
      break;
    case DOWN:
      if (index + 1 < s->count)
        for (i32 t = 0; t < s->tokens; t++) round_row(s, s->x + (long)t * s->dim, layer[1].attn_norm, t);
      else
        for (i32 t = 0; t < s->wanted; t++) round_row(s, s->x + (long)s->rows[t] * s->dim, s->norm, t);
  }
}
