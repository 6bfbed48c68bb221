package redisadapter

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// The writing half of a stream: one goroutine adds what is queued, in order, each
// batch in one transaction, so that all of it is in the stream or nothing. When the
// outcome of a batch is not known the end of the stream is looked at before the
// batch is repeated.

const (
	batchSize  = 128             // entries a transaction
	batchBytes = 1 << 20         // and about their bytes, or one entry
	writeTime  = 2 * time.Second // how long Redis may take for little before it is lost
	retryTime  = 100 * time.Millisecond
	lookedAt   = 16 << 20 // bytes that are looked at for what may have been added
	pieceBytes = 1 << 20  // and about how many at once, if entries are alike
	tailPiece  = 100      // and how many entries at most
)

// write is the writing goroutine.
func (st *stream) write() {
	defer close(st.written)
	unsure := false
	for {
		batch, bytes, ended := st.batch()
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
			if err = st.addBatch(batch, bytes); err == nil {
				done = len(batch)
			}
		}
		again := err != nil && !unsure // at once: only the connection may have broken
		unsure = err != nil
		if !again {
			st.note(writing, err)
		}
		if done > 0 {
			st.taken(done)
		}
		if err != nil && !again {
			select {
			case <-time.After(retryTime):
			case <-st.stop:
				return
			}
		}
	}
}

func (st *stream) addBatch(batch []entry, bytes int) error {
	ctx, cancel := context.WithTimeout(st.ctx, longest(bytes))
	defer cancel()
	_, err := st.patient.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i := range batch {
			p.XAdd(ctx, st.cfg.add(st.key, &batch[i]))
		}
		return nil
	})
	return err
}

// add is the command that adds an entry to a stream.
func (cfg *StreamsConfig) add(key string, e *entry) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: key, MaxLen: cfg.MaxLen, Approx: true, Values: e.values()}
}

// added returns how many entries of a batch are in the stream already: an own one among
// the latest shows it. What this process has read of the stream is not asked for again,
// and the rest in pieces of few bytes. If none is found in lookedAt bytes the batch is
// as good as not added: readers tell an entry that was added twice.
func (st *stream) added(batch []entry) (n int, err error) {
	end, looked := "+", 0
	for count := 1; looked < lookedAt; {
		last, met := st.reached()
		if n := upTo(batch, met); n > 0 {
			return n, nil
		}
		list, err := st.latest(end, last, count)
		if err != nil {
			return 0, err
		}
		bytes := 0
		for _, m := range list {
			e, ok := parseEntry(m.Values)
			if ok && e.writer == st.owner.writer {
				return upTo(batch, e.number), nil
			}
			bytes += entryCost + len(e.data)
			end = "(" + m.ID
		}
		if len(list) < count { // the rest was read meanwhile
			_, met = st.reached()
			return upTo(batch, met), nil
		}
		looked += bytes
		count = nextCount(len(list), len(list), bytes, pieceBytes, tailPiece)
	}
	return 0, nil
}

// reached is the entry that was read last, and the number of the last own one that was.
func (st *stream) reached() (last string, met uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.last, st.met
}

// latest returns entries before end and after last, the latest ones first.
func (st *stream) latest(end, last string, count int) ([]redis.XMessage, error) {
	ctx, cancel := context.WithTimeout(st.ctx, longest(lookedAt))
	defer cancel()
	start := "-"
	if last != "" {
		start = "(" + last
	}
	return st.patient.XRevRangeN(ctx, st.key, end, start, int64(count)).Result()
}

// upTo is how many entries of a batch have no greater number.
func upTo(batch []entry, number uint64) (n int) {
	for n < len(batch) && batch[n].number <= number {
		n++
	}
	return n
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
			st.admitWaiting() // nothing waits for room any more
		}
	}
	st.mu.Unlock()
	switch {
	case !changed:
	case err != nil:
		st.cfg.Logger.Warn("redisadapter: the stream is away: own packets are kept back for other servers, and delivered here", "stream", st.key, "error", err)
		st.overdue(time.Now().Add(st.cfg.OrderTimeout))
	default:
		st.cfg.Logger.Info("redisadapter: the stream is back", "stream", st.key)
	}
}

// finish ends the writing: what is queued is sent before, unless Redis is lost or
// ctx ends.
func (st *stream) finish(ctx context.Context) {
	st.mu.Lock()
	st.ended = true
	st.turnAway()
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
