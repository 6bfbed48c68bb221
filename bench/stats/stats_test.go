//go:build linux

package stats_test

import (
	"math"
	"testing"
	"time"

	"github.com/sioserver/sioserver/bench/stats"
)

func TestSummarize(t *testing.T) {
	for _, tc := range []struct {
		name   string
		values []float64
		want   stats.Summary
	}{
		{"one", []float64{3}, stats.Summary{Median: 3, Min: 3, Max: 3, N: 1}},
		{"odd", []float64{9, 1, 4}, stats.Summary{Median: 4, Min: 1, Max: 9, N: 3}},
		{"even", []float64{9, 1, 4, 5}, stats.Summary{Median: 4.5, Min: 1, Max: 9, N: 4}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := stats.Summarize(tc.values); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
	if got := stats.Summarize(nil); !math.IsNaN(got.Median) || got.N != 0 {
		t.Errorf("of nothing: %+v", got)
	}
}

func TestFitLine(t *testing.T) {
	exact := stats.FitLine([]float64{0, 1000, 5000}, []float64{10, 1210, 6010})
	if math.Abs(exact.Slope-1.2) > 1e-9 || math.Abs(exact.Intercept-10) > 1e-6 || math.Abs(exact.R2-1) > 1e-12 {
		t.Errorf("an exact line: %+v", exact)
	}
	// Worked by hand: means 2 and 3, Sxx 10, Sxy 8, Syy 10.
	rough := stats.FitLine([]float64{0, 1, 2, 3, 4}, []float64{1, 3, 2, 5, 4})
	if math.Abs(rough.Slope-0.8) > 1e-12 || math.Abs(rough.Intercept-1.4) > 1e-12 || math.Abs(rough.R2-0.64) > 1e-12 {
		t.Errorf("a rough line: %+v", rough)
	}
	flat := stats.FitLine([]float64{0, 1, 2}, []float64{7, 7, 7})
	if flat.Slope != 0 || flat.R2 != 1 {
		t.Errorf("a flat line: %+v", flat)
	}
}

// A server that answers in 1 ms, a request every 10 ms, stalls once for a
// second: of 200 requests one is measured slow by a loop that waits for it,
// although a hundred would have been.
func TestHistogramCorrectsCoordinatedOmission(t *testing.T) {
	const interval = 10 * time.Millisecond
	naive, corrected := stats.NewHistogram(), stats.NewHistogram()
	for i := range 100 {
		latency := time.Millisecond
		if i == 50 {
			latency = time.Second
		}
		naive.Record(latency)
		corrected.RecordCorrected(latency, interval)
	}
	if got := naive.Percentile(90); got > 2*time.Millisecond {
		t.Errorf("uncorrected p90 is %v: this test shows nothing", got)
	}
	if got := corrected.Percentile(90); got < 700*time.Millisecond || got > 850*time.Millisecond {
		t.Errorf("corrected p90 is %v, want about 0.8 s", got)
	}
	if got := corrected.Count(); got != 199 {
		t.Errorf("%d latencies, want the 100 measured and 99 that the stall delayed", got)
	}
	corrected.Reset()
	if corrected.Count() != 0 {
		t.Error("Reset keeps latencies")
	}
}

func TestHistogramClampsToItsRange(t *testing.T) {
	h := stats.NewHistogram()
	h.Record(-time.Second)
	h.Record(time.Hour)
	if h.Count() != 2 {
		t.Fatalf("%d latencies, want both", h.Count())
	}
	if got := h.Percentile(100); got < 9*time.Minute || got > 11*time.Minute {
		t.Errorf("an hour counts as %v", got)
	}
}

func TestTheilSen(t *testing.T) {
	x := []float64{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}
	for _, tc := range []struct {
		name string
		y    []float64
		want float64
	}{
		{"a line", []float64{1, 3, 5, 7, 9, 11, 13, 15, 17, 19}, 2},
		{"two points that are far off", []float64{1, 3, 5, 700, 9, 11, 13, -15, 17, 19}, 2},
		{"flat", []float64{4, 4, 4, 4, 4, 4, 4, 4, 4, 4}, 0},
	} {
		if got := stats.TheilSen(x, tc.y); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	if got := stats.TheilSen([]float64{1, 1}, []float64{2, 3}); !math.IsNaN(got) {
		t.Errorf("of one x: %v", got)
	}
}
