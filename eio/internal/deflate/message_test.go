package deflate

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
)

// feed returns n bytes that look like an event and compress like one.
func feed(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := []byte(`42["feed",[`)
	for len(b) < n {
		b = fmt.Appendf(b, `{"id":%d,"user":"u%d","price":%.2f,"ok":%t},`, r.IntN(1e6), r.IntN(100), 1000*r.Float64(), r.IntN(2) == 0)
	}
	return b[:n]
}

// noise returns n bytes that do not compress.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(b)
	return b
}

func compressor(tb testing.TB, level int) *Compressor {
	tb.Helper()
	c, err := New(Config{Level: level})
	if err != nil {
		tb.Fatal(err)
	}
	return c
}

func params(tb testing.TB, windowBits int) Params {
	tb.Helper()
	_, p, err := Negotiate(fmt.Appendf(nil, "permessage-deflate; server_max_window_bits=%d", windowBits))
	if err != nil || p.Window() != 1<<windowBits {
		tb.Fatalf("a window of %d, %v", p.Window(), err)
	}
	return p
}

func TestLevel(t *testing.T) {
	for _, level := range []int{-1, 10} {
		if _, err := New(Config{Level: level}); !errors.Is(err, ErrLevel) || !strings.HasSuffix(err.Error(), fmt.Sprint(level)) {
			t.Errorf("level %d: %v", level, err)
		}
	}
	fast, dense := compressor(t, 0), compressor(t, 9)
	body := feed(20_000)
	if a, b := fast.AppendMessage(nil, body, Params{}), dense.AppendMessage(nil, body, Params{}); len(b) >= len(a) {
		t.Errorf("%d bytes at level 9, %d at level 1", len(b), len(a))
	}
	if a, b := fast.AppendMessage(nil, body, Params{}), compressor(t, 1).AppendMessage(nil, body, Params{}); !bytes.Equal(a, b) {
		t.Error("levels 0 and 1 differ")
	}
}

func TestMessage(t *testing.T) {
	for _, level := range []int{1, 2, 6} {
		c := compressor(t, level)
		for _, n := range []int{0, 1, 5, 12, 13, 255, 256, 257, 1 << 10, 32767, 32768, 32769, 70_000} {
			for name, payload := range map[string][]byte{"feed": feed(n), "noise": noise(n), "zeros": make([]byte, n)} {
				for _, bits := range []int{8, 11, 15} {
					t.Run(fmt.Sprint("level ", level, " ", name, " ", n, " bits ", bits), func(t *testing.T) {
						p := params(t, bits)
						got := c.AppendMessage([]byte("x"), payload, p)
						if message, ok := stdInflate(got[1:], int64(n)); got[0] != 'x' || !ok || !bytes.Equal(message, payload) {
							t.Errorf("reads as %d bytes, %t", len(message), ok)
						}
						if grown, most := len(got)-1-n, 11*(1+n/p.Window()+n/20_000); grown > most {
							t.Errorf("grew by %d", grown)
						}
						if n <= p.Window() && !bytes.Equal(got[1:], c.AppendMessage(nil, payload, Params{})) {
							t.Error("fits the window, but differs from what others get")
						}
					})
				}
			}
		}
	}
}

func TestMessageEmpty(t *testing.T) {
	if got := compressor(t, 1).AppendMessage(nil, nil, Params{}); string(got) != "\x00" { // RFC 7692 section 7.2.3.6
		t.Errorf("% x", got)
	}
}

// TestMessageWindow checks that nothing refers beyond a small window: each
// piece of its size can be read alone.
func TestMessageWindow(t *testing.T) {
	for _, level := range []int{1, 6} {
		c, p := compressor(t, level), params(t, 9)
		payload := bytes.Repeat(noise(400), 10)
		got := c.AppendMessage(nil, payload, p)
		for from := 0; from < len(payload); from += 512 {
			piece := payload[from:min(from+512, len(payload))]
			alone := c.AppendMessage(nil, piece, Params{})
			if message, ok := stdInflate(alone, 512); !ok || !bytes.Equal(message, piece) || !bytes.HasPrefix(got, alone) {
				t.Fatalf("level %d: the piece at %d is not as it is alone", level, from)
			}
			got = bytes.TrimPrefix(got[len(alone):], []byte(marker))
		}
		if len(got) != 0 {
			t.Errorf("level %d: %d bytes more", level, len(got))
		}
	}
}

func TestMessageConcurrent(t *testing.T) {
	for _, level := range []int{1, 9} {
		c := compressor(t, level)
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for n := range 50 {
					payload := feed(100*n + i)
					got, err := AppendInflated(nil, c.AppendMessage(nil, payload, Params{}), int64(len(payload)))
					if err != nil || !bytes.Equal(got, payload) {
						t.Errorf("level %d, %d bytes: %v", level, len(payload), err)
					}
				}
			})
		}
		wg.Wait()
	}
}

func TestMessageAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	for _, level := range []int{1, 6} {
		c := compressor(t, level)
		for _, n := range []int{0, 100, 1 << 10, 64 << 10} {
			for _, p := range []Params{{}, params(t, 10)} {
				payload, dst := feed(n), make([]byte, 0, 2*n+64)
				if got := testing.AllocsPerRun(100, func() { c.AppendMessage(dst, payload, p) }); got != 0 {
					t.Errorf("level %d, %d bytes, window %d: %v allocations", level, n, p.Window(), got)
				}
			}
		}
	}
}

func FuzzMessage(f *testing.F) {
	fast, dense := compressor(f, 1), compressor(f, 6)
	for _, message := range captured {
		f.Add([]byte(message), uint16(1), uint8(9), false)
	}
	f.Add(noise(50), uint16(1000), uint8(10), true)
	f.Add([]byte("ab"), uint16(40_000), uint8(15), false)
	f.Fuzz(func(t *testing.T, payload []byte, repeat uint16, bits uint8, high bool) {
		payload = bytes.Repeat(payload, min(int(repeat), 1+100_000/(1+len(payload))))
		c := fast
		if high {
			c = dense
		}
		got := c.AppendMessage(nil, payload, params(t, 8+int(bits%8)))
		if message, err := AppendInflated(nil, got, int64(len(payload))); err != nil || !bytes.Equal(message, payload) {
			t.Fatalf("ours reads it as %d bytes of %d, %v", len(message), len(payload), err)
		}
		if message, ok := stdInflate(got, int64(len(payload))); !ok || !bytes.Equal(message, payload) {
			t.Fatalf("the standard library reads it as %d bytes of %d, %t", len(message), len(payload), ok)
		}
	})
}
