package redisadapter

import (
	"strconv"
	"unicode/utf16"
)

// streamKey is the stream of a namespace. The remainder keeps the sign of the hash,
// as in the reference: its servers never read the streams with a negative number,
// but those here do.
func streamKey(name string, count int, namespace string) string {
	if count == 1 {
		return name
	}
	var h int32
	for _, u := range utf16.Encode([]rune(namespace)) {
		h = 31*h + int32(u)
	}
	return name + "-" + strconv.Itoa(int(h)%count)
}
