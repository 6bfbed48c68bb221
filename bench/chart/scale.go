//go:build linux

package chart

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// ticks returns round numbers from 0 to at least most, about count of them.
func ticks(most float64, count int) []float64 {
	if most <= 0 || math.IsNaN(most) || math.IsInf(most, 0) {
		return []float64{0, 1}
	}
	rough := most / float64(count)
	unit := math.Pow(10, math.Floor(math.Log10(rough)))
	step := 10 * unit
	for _, nice := range []float64{1, 2, 2.5, 5} {
		if nice*unit >= rough {
			step = nice * unit
			break
		}
	}
	var all []float64
	for i := 0; ; i++ {
		v := float64(i) * step
		all = append(all, v)
		if v >= most-step*1e-9 {
			return all
		}
	}
}

// number writes v with a comma between thousands.
func number(v float64) string {
	text := strconv.FormatFloat(v, 'f', -1, 64)
	whole, fraction, found := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if found {
		return whole + "." + fraction
	}
	return whole
}

// short writes a value with about three significant digits.
func short(v float64) string {
	switch {
	case v >= 100:
		return number(math.Round(v))
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	default:
		return fmt.Sprintf("%.2f", v)
	}
}
