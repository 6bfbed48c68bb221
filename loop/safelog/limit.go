package safelog

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

const (
	// burst is how many records with the same message may pass in an interval.
	burst    = 10
	interval = time.Second
	// maxMessages is how many messages are told apart. Those of this module are
	// constants; an application's may not be.
	maxMessages = 256
)

// limiter bounds the records that peers can cause: of those with the same
// message, burst pass in an interval, and at its end one that counts the rest,
// in the attribute "more". It is for records of level Info and above. Safe for
// concurrent use.
type limiter struct {
	mu     sync.Mutex
	recent map[string]*recent
}

// recent is what came with one message since the interval began.
type recent struct {
	began        time.Time
	passed, more int
	level        slog.Level // of the last one that did not pass
	handler      handler    // its
}

// pass reports whether r may pass. If not, it is counted.
func (l *limiter) pass(h handler, r *slog.Record) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	message, now := r.Message, time.Now()
	m := l.recent[message]
	if m == nil {
		if message = l.makeRoom(message, now); l.recent[message] == nil {
			l.recent[message] = new(recent)
		}
		m = l.recent[message]
	}
	if m.more == 0 && now.Sub(m.began) >= interval {
		m.began, m.passed = now, 0
	}
	if m.passed < burst {
		m.passed++
		return true
	}
	if m.more++; m.more == 1 {
		time.AfterFunc(interval-now.Sub(m.began), func() { l.sum(message) })
	}
	m.level, m.handler = r.Level, h
	return false
}

// makeRoom forgets messages that have not come lately. It returns what to count
// the message as.
func (l *limiter) makeRoom(message string, now time.Time) string {
	if len(l.recent) < maxMessages {
		return message
	}
	for text, m := range l.recent {
		if m.more == 0 && now.Sub(m.began) >= interval {
			delete(l.recent, text)
		}
	}
	if len(l.recent) < maxMessages {
		return message
	}
	return "safelog: other messages"
}

// sum begins an interval with a record of what did not pass in the last one.
func (l *limiter) sum(message string) {
	l.mu.Lock()
	m := l.recent[message]
	r := slog.NewRecord(time.Now(), m.level, message, 0)
	r.AddAttrs(slog.Int("more", m.more))
	h := m.handler
	m.began, m.passed, m.more, m.handler = r.Time, 0, 0, handler{}
	l.mu.Unlock()
	_ = h.handle(context.Background(), r) // it has nowhere to report an error
}
