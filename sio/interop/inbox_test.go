package interop

import (
	"encoding/json"
	"slices"
	"sync"
	"time"
)

// report is a driver's report about one of its clients or servers.
type report struct {
	Client string            `json:"client"`
	Is     string            `json:"is"`   // open, upgrade, connect, event, …
	Text   string            `json:"text"` // the transport, id, reason or event's name
	Args   []json.RawMessage `json:"args"`
}

// inbox keeps reports until they are taken. Safe for concurrent use.
type inbox struct {
	mu      sync.Mutex
	reports map[string][]report // by client, in order
	news    chan struct{}       // closed and replaced at each report
}

func newInbox() *inbox {
	return &inbox{reports: make(map[string][]report), news: make(chan struct{})}
}

func (b *inbox) add(r report) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.reports[r.Client] = append(b.reports[r.Client], r)
	close(b.news)
	b.news = make(chan struct{})
}

// take waits for a client's report of a kind that match accepts, removes it,
// and returns it with those of the same kind before it. ok is false if there
// was none in time.
func (b *inbox) take(client, is string, within time.Duration, match func(r report) bool) (before []report, found report, ok bool) {
	late := time.After(within)
	for {
		b.mu.Lock()
		var rest []report
		before = nil
		list := b.reports[client]
		for i, r := range list {
			switch {
			case r.Is != is:
				rest = append(rest, r)
			case match(r):
				b.reports[client] = append(rest, list[i+1:]...)
				b.mu.Unlock()
				return before, r, true
			default:
				before = append(before, r)
			}
		}
		news := b.news
		b.mu.Unlock()
		select {
		case <-news:
		case <-late:
			return nil, report{}, false
		}
	}
}

// reported returns a client's reports that were not taken.
func (b *inbox) reported(client string) []report {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.reports[client])
}
