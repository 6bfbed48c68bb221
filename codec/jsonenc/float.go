package jsonenc

import (
	"math"
	"strconv"
)

// AppendFloat appends f to dst as JavaScript prints numbers: the shortest
// digits that read back as f, an exponent from 1e21 on and below 1e-6, no sign
// for zero. NaN and infinities, which JSON lacks, become null.
func AppendFloat(dst []byte, f float64) []byte { return appendFloat(dst, f, 64) }

func appendFloat(dst []byte, f float64, bitSize int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	if f == 0 {
		return append(dst, '0')
	}
	abs, format := math.Abs(f), byte('f')
	if bitSize == 64 && (abs < 1e-6 || abs >= 1e21) ||
		bitSize == 32 && (float32(abs) < 1e-6 || float32(abs) >= 1e21) {
		format = 'e'
	}
	dst = strconv.AppendFloat(dst, f, format, -1, bitSize)
	if n := len(dst); format == 'e' && dst[n-4] == 'e' && dst[n-2] == '0' {
		// strconv writes two digits of exponent at least, JavaScript one.
		dst[n-2] = dst[n-1]
		dst = dst[:n-1]
	}
	return dst
}

// dropZeroSigns takes the sign off each number of the JSON b that is exactly
// "-0", in place, and returns what is left of b.
func dropZeroSigns(b []byte) []byte {
	kept := 0
	for i := 0; i < len(b); i++ {
		if b[i] == '"' {
			end, _ := skipString(b, i)
			kept += copy(b[kept:], b[i:end])
			i = end - 1
			continue
		}
		if b[i] == '-' && i+1 < len(b) && b[i+1] == '0' {
			end, _ := skipNumber(b, i)
			if end == i+2 {
				continue
			}
		}
		b[kept] = b[i]
		kept++
	}
	return b[:kept]
}
