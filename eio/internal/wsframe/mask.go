package wsframe

import (
	"encoding/binary"

	"github.com/gobwas/ws"
)

// shortMask is the length in bytes up to which a plain loop is faster than
// ws.Cipher, whose vectorised loop takes time to set up.
const shortMask = 64

// unmask applies mask to b in place, starting with mask[0].
func unmask(b []byte, mask [4]byte) {
	if len(b) > shortMask {
		ws.Cipher(b, mask, 0)
		return
	}
	word := uint64(binary.LittleEndian.Uint32(mask[:]))
	word |= word << 32
	for len(b) >= 8 {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^word)
		b = b[8:]
	}
	for i := range b {
		b[i] ^= mask[i&3]
	}
}

// rotate returns the mask for the bytes that follow n masked bytes.
func rotate(mask [4]byte, n int) [4]byte {
	return [4]byte{mask[n&3], mask[(n+1)&3], mask[(n+2)&3], mask[(n+3)&3]}
}
