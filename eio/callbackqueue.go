package eio

import (
	"container/list"
	"sync"
)

// callbackQueue bounds how many requests are with functions of the application
// at a time, or how many connections with net/http. Each function runs on a goroutine, and the functions may block. Requests
// beyond the limit wait, first come, first served. Functions that never return
// cost at most as many goroutines as the limit, and a waiting request ends with
// its connection. Safe for concurrent use.
type callbackQueue struct {
	limit int

	mu      sync.Mutex // guards what follows
	running int
	waiting list.List // of *callbackSlot
}

// callbackSlot is the place of one request in a callbackQueue.
type callbackSlot struct {
	run   func()
	holds bool          // the place is not passed on when run ends
	at    *list.Element // nil unless it waits; guarded by the queue's mu
}

// start calls run on a goroutine, now or when a place is free.
func (q *callbackQueue) start(slot *callbackSlot, run func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	slot.run = run
	if q.running == q.limit {
		slot.at = q.waiting.PushBack(slot)
		return
	}
	q.running++
	go q.serve(slot)
}

// take takes a place if one is free. The caller passes it on by next.
func (q *callbackQueue) take() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.running == q.limit {
		return false
	}
	q.running++
	return true
}

// await is start for a place that is held, once run is called, until the caller
// passes it on by next.
func (q *callbackQueue) await(slot *callbackSlot, run func()) {
	slot.holds = true
	q.start(slot, run)
}

// counts returns how many places are taken and how many requests wait.
func (q *callbackQueue) counts() (running, waiting int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.running, q.waiting.Len()
}

// serve calls the slot's function and then passes the place on, even if the
// function ends the goroutine.
func (q *callbackQueue) serve(slot *callbackSlot) {
	if !slot.holds {
		defer q.next()
	}
	slot.run()
}

// next starts the first slot that waits, or frees the place.
func (q *callbackQueue) next() {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.waiting.Front()
	if first == nil {
		q.running--
		return
	}
	slot := q.waiting.Remove(first).(*callbackSlot)
	slot.at = nil
	go q.serve(slot)
}

// withdraw removes a slot that waits. It has no effect on one that runs.
func (q *callbackQueue) withdraw(slot *callbackSlot) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if slot.at != nil {
		q.waiting.Remove(slot.at)
		slot.at = nil
	}
}
