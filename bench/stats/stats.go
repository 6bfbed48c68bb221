//go:build linux

package stats

import (
	"math"
	"slices"
)

// Summary is the median of some runs with their extremes.
type Summary struct {
	Median, Min, Max float64
	N                int
}

// Summarize returns NaN figures when there are no values.
func Summarize(values []float64) Summary {
	if len(values) == 0 {
		return Summary{Median: math.NaN(), Min: math.NaN(), Max: math.NaN()}
	}
	sorted := slices.Sorted(slices.Values(values))
	n := len(sorted)
	return Summary{Median: (sorted[(n-1)/2] + sorted[n/2]) / 2, Min: sorted[0], Max: sorted[n-1], N: n}
}

// Line is y = Intercept + Slope*x with its coefficient of determination: 1 says
// that every point lies on the line.
type Line struct {
	Slope, Intercept, R2 float64
}

// FitLine fits a line by least squares. It needs two points with different x,
// else its figures are NaN.
func FitLine(x, y []float64) Line {
	n := float64(len(x))
	var sumX, sumY float64
	for i := range x {
		sumX += x[i]
		sumY += y[i]
	}
	meanX, meanY := sumX/n, sumY/n
	var xx, xy, yy float64
	for i := range x {
		dx, dy := x[i]-meanX, y[i]-meanY
		xx += dx * dx
		xy += dx * dy
		yy += dy * dy
	}
	l := Line{Slope: xy / xx}
	l.Intercept = meanY - l.Slope*meanX
	l.R2 = 1
	if yy > 0 {
		l.R2 = xy * xy / (xx * yy)
	}
	return l
}
