package eio_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
)

// lines is a log.
type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.b.String(), text)
}

// TestUnknownSessionsHint: the log has a hint, once, if most sids are unknown,
// and none if few are.
func TestUnknownSessionsHint(t *testing.T) {
	const hint = "(sticky sessions)"
	for _, tc := range []struct{ handshakes, unknown, want int }{
		{0, 9, 0}, {0, 100, 1}, {40, 40, 1}, {40, 10, 0},
	} {
		log := new(lines)
		s := start(t, eio.Config{Logger: slog.New(slog.NewTextHandler(log, nil))})
		wantResponse(t, eiotest.Get(t, s.url+"?EIO=4&transport=polling&sid=SECRET"), 400, `{"code":1,"message":"Session ID unknown"}`)
		for range tc.handshakes {
			s.polling(t)
		}
		for range tc.unknown - 1 {
			eiotest.Get(t, s.url+"?EIO=4&transport=polling&sid=SECRET")
		}
		if n := log.count(hint); n != tc.want {
			t.Errorf("%+v: %d hints", tc, n)
		}
		if log.count("SECRET") > 0 {
			t.Error("the log has a session ID")
		}
	}
}
