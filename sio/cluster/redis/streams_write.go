package redis

import (
	"context"
	"strconv"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// The writing half of a stream: one goroutine adds what is queued, in order, each
// batch in one transaction, so that all of it is in the stream or nothing. When the
// outcome of a batch is not known the end of the stream is looked at before the
// batch is repeated.

const (
	batchSize   = 128             // entries a transaction
	writeTime   = 2 * time.Second // how long Redis may take before it is lost
	retryTime   = 100 * time.Millisecond
	tailEntries = 10_000 // looked at for what may have been added
)

// enqueue puts an entry into the queue. kept, unless nil, waits for its place. The
// error is ErrQueueFull or ErrClosed.
func (st *stream) enqueue(e entry, kept *keptEntry) error {
	st.mu.Lock()
	defer st.mu.Unlock()
	switch {
	case st.ended:
		st.stats.Dropped++
		return ErrClosed
	case len(st.queue) >= st.cfg.MaxQueued, st.queuedBytes > 0 && st.queuedBytes+len(e.data) > st.cfg.MaxQueuedBytes:
		st.stats.Dropped++
		return ErrQueueFull
	}
	st.number++
	e.writer, e.number = st.owner.writer, st.number
	st.queue = append(st.queue, e)
	st.queuedBytes += len(e.data)
	if kept != nil {
		st.awaitTurn(&e, kept)
	}
	wake(st.wake)
	return nil
}

// write is the writing goroutine.
func (st *stream) write() {
	defer close(st.written)
	unsure := false
	for {
		st.mu.Lock()
		batch, ended := st.queue[:min(len(st.queue), batchSize)], st.ended
		st.mu.Unlock()
		if len(batch) == 0 {
			if ended {
				return
			}
			select {
			case <-st.wake:
				continue
			case <-st.stop:
				return
			}
		}
		done, err := 0, error(nil)
		if unsure {
			done, err = st.added(batch)
		}
		if err == nil && done == 0 {
			if err = st.addBatch(batch); err == nil {
				done = len(batch)
			}
		}
		again := err != nil && !unsure // at once: only the connection may have broken
		unsure = err != nil
		if !again {
			st.note(writing, err)
		}
		st.mu.Lock()
		for _, e := range st.queue[:done] {
			st.queuedBytes -= len(e.data)
		}
		clear(st.queue[:done])
		if st.queue = st.queue[done:]; len(st.queue) == 0 {
			st.queue = nil // lets go of the array
		}
		st.stats.Published += uint64(done)
		st.mu.Unlock()
		if err != nil && !again {
			select {
			case <-time.After(retryTime):
			case <-st.stop:
				return
			}
		}
	}
}

func (st *stream) addBatch(batch []entry) error {
	ctx, cancel := context.WithTimeout(st.ctx, writeTime)
	defer cancel()
	_, err := st.client.TxPipelined(ctx, func(p goredis.Pipeliner) error {
		for i := range batch {
			p.XAdd(ctx, st.cfg.add(st.key, &batch[i]))
		}
		return nil
	})
	return err
}

// add is the command that adds an entry to a stream.
func (cfg *StreamsConfig) add(key string, e *entry) *goredis.XAddArgs {
	return &goredis.XAddArgs{Stream: key, MaxLen: cfg.MaxLen, Approx: true, Values: e.values()}
}

// added tells how many entries of the batch are in the stream already.
func (st *stream) added(batch []entry) (n int, err error) {
	ctx, cancel := context.WithTimeout(st.ctx, writeTime)
	defer cancel()
	end := "+"
	for range tailEntries / 1000 {
		list, err := st.client.XRevRangeN(ctx, st.key, end, "-", 1000).Result()
		if err != nil || len(list) == 0 {
			return 0, err
		}
		for _, m := range list {
			if e, ok := parseEntry(m.Values); ok && e.writer == st.owner.writer {
				for n < len(batch) && batch[n].number <= e.number {
					n++
				}
				return n, nil
			}
		}
		end = "(" + list[len(list)-1].ID
	}
	return 0, nil
}

// half is one of the two things that are done with a stream.
type half int

const (
	reading half = iota
	writing
)

// note is told the outcome of what was tried with Redis: it logs changes. Redis is
// lost when either does not work.
func (st *stream) note(h half, err error) {
	st.mu.Lock()
	st.failed[h] = err != nil
	lost := st.failed[reading] || st.failed[writing]
	changed := st.lost != lost && !st.ended
	if changed {
		st.lost = lost
		if st.lost {
			st.stats.Lost++
		}
	}
	st.mu.Unlock()
	switch {
	case !changed:
	case err != nil:
		st.cfg.Logger.Warn("redis: the stream is away: own packets are kept back for other servers, and delivered here", "stream", st.key, "error", err)
		st.overdue(time.Now().Add(st.cfg.OrderTimeout))
	default:
		st.cfg.Logger.Info("redis: the stream is back", "stream", st.key)
	}
}

// finish ends the writing: what is queued is sent before, unless Redis is lost or
// ctx ends.
func (st *stream) finish(ctx context.Context) {
	st.mu.Lock()
	st.ended = true
	lost := st.lost
	st.mu.Unlock()
	wake(st.wake)
	if !lost {
		select {
		case <-st.written:
		case <-ctx.Done():
		}
	}
	st.cancel()
	close(st.stop)
}

// leave is the end of the stream when its client is closed: it waits for the
// goroutines, and counts what was not sent.
func (st *stream) leave() {
	st.running.Wait()
	st.mu.Lock()
	st.stats.Dropped += uint64(len(st.queue))
	st.queue = nil
	st.mu.Unlock()
	st.overdue(time.Now().Add(st.cfg.OrderTimeout))
}

// parseID reads an entry's id; ok is false for what is none.
func parseID(id string) (ms, count uint64, ok bool) {
	for i := range len(id) {
		if id[i] == '-' {
			ms, err1 := strconv.ParseUint(id[:i], 10, 64)
			count, err2 := strconv.ParseUint(id[i+1:], 10, 64)
			return ms, count, err1 == nil && err2 == nil
		}
	}
	return 0, 0, false
}

// before reports whether an entry's id is less than another.
func before(a, b string) bool {
	ams, acount, _ := parseID(a)
	bms, bcount, _ := parseID(b)
	return ams < bms || ams == bms && acount < bcount
}

// wake tells a goroutine that there is something for it.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
