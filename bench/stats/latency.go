//go:build linux

package stats

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Histogram records latencies from 1 µs to 10 minutes with three significant
// digits.
//
// Coordinated omission: a stalled server also delays the requests that would
// have measured the stall, and so hides it. An open-loop load avoids that by
// measuring from the time at which a request was due (Record with that
// difference). A closed loop has no due times; RecordCorrected adds the
// requests that a stall kept from being sent.
type Histogram struct {
	h *hdrhistogram.Histogram
}

const maxLatency = 10 * time.Minute

// NewHistogram returns an empty histogram.
func NewHistogram() *Histogram {
	return &Histogram{hdrhistogram.New(1, maxLatency.Microseconds(), 3)}
}

// Record adds one latency; values out of range count as the nearest in range.
func (h *Histogram) Record(d time.Duration) {
	_ = h.h.RecordValue(clamp(d))
}

// RecordCorrected adds one latency of a closed loop, and, when it exceeds the
// expected interval between requests, the ones that were not sent meanwhile.
func (h *Histogram) RecordCorrected(d, interval time.Duration) {
	_ = h.h.RecordCorrectedValue(clamp(d), interval.Microseconds())
}

func clamp(d time.Duration) int64 {
	return min(max(d.Microseconds(), 1), maxLatency.Microseconds())
}

// Percentile returns the latency that p percent (0 to 100) of the requests stay
// at or below.
func (h *Histogram) Percentile(p float64) time.Duration {
	return time.Duration(h.h.ValueAtQuantile(p)) * time.Microsecond
}

// Count is the number of recorded latencies, corrections included.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Reset forgets everything.
func (h *Histogram) Reset() { h.h.Reset() }
