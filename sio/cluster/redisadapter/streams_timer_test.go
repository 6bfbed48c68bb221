package redisadapter

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// TestStreamsOneTimer: however often Redis was lost under traffic, one timer is
// set.
func TestStreamsOneTimer(t *testing.T) {
	const losses = 50
	cfg := &StreamsConfig{OrderTimeout: 200 * time.Millisecond, MaxQueued: 10 * losses, MaxQueuedBytes: 1 << 20}
	st := &stream{cfg: cfg, waiting: make(map[uint64]*keptEntry)}
	delivered := make(chan int, losses+1)
	for i := range losses + 1 {
		st.mu.Lock()
		st.awaitPlace(&entry{number: uint64(i + 1)}, &keptEntry{deliver: func(string) { delivered <- i }})
		st.mu.Unlock()
		if i < losses {
			st.overdue(time.Now().Add(cfg.OrderTimeout))
		}
	}
	st.delivering.Lock() // all that go off wait
	n := 0
	for due := time.Now().Add(cfg.OrderTimeout); n == 0 || time.Now().Before(due); time.Sleep(time.Millisecond) {
		buf := make([]byte, 1<<20)
		n = strings.Count(string(buf[:runtime.Stack(buf, true)]), ".(*stream).overdue(")
	}
	if n != 1 {
		t.Errorf("%d timers went off", n)
	}
	st.delivering.Unlock()
	for i := range losses + 1 {
		if got := <-delivered; got != i {
			t.Errorf("packet %d was delivered, want %d", got, i)
		}
	}
}
