package safelog_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/loop/safelog"
)

// buffer is a log without times.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) lines() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.Split(strings.TrimSpace(b.b.String()), "\n")
}

func (b *buffer) logger() *slog.Logger {
	return safelog.Wrap(slog.New(slog.NewTextHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}})))
}

// TestFloodIsBounded: of a flood 10 lines pass in a second, and the rest is
// counted, by one line for all that came in a second.
func TestFloodIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(buffer)
		log := b.logger()
		const seconds, each = 5, 1000
		for range seconds {
			for i := range each {
				log.With("with", 1).Error("flood", "i", i)
				log.Debug("details")
				time.Sleep(time.Second / each)
			}
			log.Warn("another")
		}
		time.Sleep(2 * time.Second)
		passed, counted, details := 0, 0, 0
		for _, line := range b.lines() {
			var more int
			switch n, _ := fmt.Sscanf(line, "level=ERROR msg=flood with=1 more=%d", &more); {
			case n == 1:
				counted += more
			case strings.Contains(line, "flood"):
				passed++
			case strings.Contains(line, "details"):
				details++
			}
		}
		if passed+counted != seconds*each || passed > 10*(seconds+1) || passed < 10*seconds {
			t.Errorf("%d passed, %d are counted", passed, counted)
		}
		if details != seconds*each {
			t.Errorf("%d of %d lines of debug level", details, seconds*each)
		}
		if n := strings.Count(strings.Join(b.lines(), "\n"), "another"); n != seconds {
			t.Errorf("%d lines with another message", n)
		}
		log.Error("flood")
		if last := b.lines()[len(b.lines())-1]; last != "level=ERROR msg=flood" {
			t.Errorf("after the flood: %s", last)
		}
	})
}

// TestManyMessages: messages that are all different are bounded too, and
// forgotten.
func TestManyMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := new(buffer)
		log := b.logger()
		for i := range 10_000 {
			log.Error(fmt.Sprint("message ", i))
		}
		time.Sleep(2 * time.Second)
		if n := len(b.lines()); n != 256+10+1 {
			t.Errorf("%d lines", n)
		}
		for i := range 100 {
			log.Error(fmt.Sprint("later ", i))
		}
		if n := len(b.lines()); n != 256+10+1+100 {
			t.Errorf("%d lines later", n)
		}
	})
}
