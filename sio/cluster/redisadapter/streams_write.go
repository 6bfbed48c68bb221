package redisadapter

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// The writing half of a stream. One goroutine adds the queued entries in order,
// each batch in one transaction, so that the stream gets all of it or nothing.
// If the outcome of a batch is not known, the goroutine reads the end of the
// stream before it repeats the batch.

const (
	batchSize  = 128             // entries of a transaction
	batchBytes = 1 << 20         // and about its bytes, unless it is one entry
	writeTime  = 2 * time.Second // how long Redis may take for a small command before it is away
	retryTime  = 100 * time.Millisecond
	lookedAt   = 16 << 20 // bytes at the end of the stream that are searched for a batch
	pieceBytes = 1 << 20  // and about those of one read, if entries have similar sizes
	tailPiece  = 100      // and its entries at most
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
			case <-st.ctx.Done():
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
		again := err != nil && !unsure // retry at once: perhaps only the connection has broken
		unsure = err != nil
		if !again {
			st.note(writing, err)
		}
		if done > 0 {
			st.taken(done)
		}
		if err != nil && !again {
			if !pause(st.ctx, retryTime) {
				return
			}
		}
	}
}

func (st *stream) addBatch(batch []entry, bytes int) error {
	ctx, cancel := context.WithTimeout(st.ctx, longest(bytes))
	defer cancel()
	_, err := st.redis.TxPipelined(ctx, func(p redis.Pipeliner) error {
		for i := range batch {
			p.XAdd(ctx, st.cfg.add(st.key, &batch[i]))
		}
		return nil
	})
	return err
}

// add returns the command that adds an entry to a stream.
func (cfg *StreamsConfig) add(key string, e *entry) *redis.XAddArgs {
	return &redis.XAddArgs{Stream: key, MaxLen: cfg.MaxLen, Approx: true, Values: e.values()}
}

// added returns how many entries of a batch are in the stream already. It looks
// for the latest entry of this process: first among the entries that were read,
// and then in the rest of the stream, a few at a time. If it finds none in
// lookedAt bytes the batch is added again; readers detect duplicates.
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
		if len(list) < count { // the rest was read in the meantime
			_, met = st.reached()
			return upTo(batch, met), nil
		}
		looked += bytes
		count = nextCount(len(list), len(list), bytes, pieceBytes, tailPiece)
	}
	return 0, nil
}

// reached returns the id of the last entry that was read, and the number of the
// last own one.
func (st *stream) reached() (last string, met uint64) {
	st.mu.Lock()
	defer st.mu.Unlock()
	return st.last, st.met
}

// latest returns entries before end and after last, the latest first.
func (st *stream) latest(end, last string, count int) ([]redis.XMessage, error) {
	ctx, cancel := context.WithTimeout(st.ctx, longest(lookedAt))
	defer cancel()
	start := "-"
	if last != "" {
		start = "(" + last
	}
	return st.redis.XRevRangeN(ctx, st.key, end, start, int64(count)).Result()
}

// upTo returns how many entries of a batch have numbers up to number.
func upTo(batch []entry, number uint64) (n int) {
	for n < len(batch) && batch[n].number <= number {
		n++
	}
	return n
}
