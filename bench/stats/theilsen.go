//go:build linux

package stats

// TheilSen is the median of the slopes through all pairs of points: a line's
// slope, on which less than 29% of the points have little influence, however
// far off they are. It is NaN without two points of different x.
func TheilSen(x, y []float64) float64 {
	var slopes []float64
	for i := range x {
		for j := range i {
			if x[i] != x[j] {
				slopes = append(slopes, (y[i]-y[j])/(x[i]-x[j]))
			}
		}
	}
	return Summarize(slopes).Median
}
