package eio

import (
	"container/list"
	"sync"
)

// turns bounds how many requests are with functions of the application that may
// block, each on a goroutine. What comes beyond waits for one of them to return,
// first come, first served: functions that never do cost as many goroutines as
// the bound has, and a waiting request ends with its connection. Safe for
// concurrent use.
type turns struct {
	limit int

	mu      sync.Mutex // guards what follows
	running int
	waiting list.List // of *turn
}

// turn is one request's.
type turn struct {
	run func()
	at  *list.Element // nil unless it waits; guarded by the mu of turns
}

// start has run called on a goroutine, now or later.
func (ts *turns) start(t *turn, run func()) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.run = run
	if ts.running == ts.limit {
		t.at = ts.waiting.PushBack(t)
		return
	}
	ts.running++
	go ts.take(t)
}

// take runs t and lets the next one have its place, even if run ends the goroutine.
func (ts *turns) take(t *turn) {
	defer ts.pass()
	t.run()
}

func (ts *turns) pass() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	first := ts.waiting.Front()
	if first == nil {
		ts.running--
		return
	}
	t := ts.waiting.Remove(first).(*turn)
	t.at = nil
	go ts.take(t)
}

// withdraw takes t out of those that wait. It has no effect on one that runs.
func (ts *turns) withdraw(t *turn) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	if t.at != nil {
		ts.waiting.Remove(t.at)
		t.at = nil
	}
}
