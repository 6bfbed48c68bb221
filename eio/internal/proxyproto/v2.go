package proxyproto

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
)

// signature is what a header of version 2 begins with.
var signature = []byte("\r\n\r\n\x00\r\nQUIT\n")

// A header of version 2 (section 2.2):
//
//	| signature 12 | version 4 bits, command 4 | family 4, transport 4 | length 2 |
//	| addresses | type-length-values |
const fixedV2 = 16

const (
	versionV2 = 2
	local     = 0 // commands
	proxy     = 1

	unspec = 0 // families
	inet   = 1
	inet6  = 2
	unix   = 3

	maxTransport = 2 // unspecified, stream, datagram
)

// addressesV2 is how many bytes the two addresses of a family take.
var addressesV2 = [...]int{unspec: 0, inet: 12, inet6: 36, unix: 216}

func parseV2(b []byte) (h Header, n int, err error) {
	if len(b) < fixedV2 {
		if len(b) > len(signature) && b[12]>>4 != versionV2 {
			return Header{}, 0, ErrMalformed
		}
		return Header{}, 0, nil
	}
	version, command := b[12]>>4, b[12]&15
	family, transport := b[13]>>4, b[13]&15
	if version != versionV2 || command > proxy || family > unix || transport > maxTransport {
		return Header{}, 0, ErrMalformed
	}
	n = fixedV2 + int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case n > MaxLength:
		return Header{}, 0, ErrTooLong
	case len(b) < n:
		return Header{}, 0, nil
	}
	rest := b[fixedV2:n]
	if command == local { // addresses are to be ignored
		return Header{}, n, nil
	}
	size := addressesV2[family]
	if len(rest) < size {
		return Header{}, 0, ErrMalformed
	}
	switch family {
	case inet:
		h.Source = netip.AddrPortFrom(netip.AddrFrom4([4]byte(rest)), binary.BigEndian.Uint16(rest[8:]))
	case inet6:
		h.Source = netip.AddrPortFrom(netip.AddrFrom16([16]byte(rest)).Unmap(), binary.BigEndian.Uint16(rest[32:]))
	}
	if family != unspec { // without a family nothing is said of what follows
		if h.Encrypted, err = values(b[:n], fixedV2+size); err != nil {
			return Header{}, 0, err
		}
	}
	return h, n, nil
}

// Types of values (section 2.2).
const (
	typeCRC32C = 0x03
	typeSSL    = 0x20
	clientSSL  = 0x01 // the bit of a client that uses TLS
	headSSL    = 5    // the least length of a value about TLS
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// values reads the type-length-values of header from at on. encrypted is what
// they say of the client's connection.
func values(header []byte, at int) (encrypted bool, err error) {
	for at < len(header) {
		if len(header)-at < 3 {
			return false, ErrMalformed
		}
		kind, size := header[at], int(binary.BigEndian.Uint16(header[at+1:]))
		at += 3
		if len(header)-at < size {
			return false, ErrMalformed
		}
		value := header[at : at+size]
		switch {
		case kind == typeCRC32C && size != crc32.Size, kind == typeSSL && size < headSSL:
			return false, ErrMalformed
		case kind == typeCRC32C && binary.BigEndian.Uint32(value) != checksum(header, at):
			return false, ErrChecksum
		case kind == typeSSL:
			encrypted = value[0]&clientSSL != 0
		}
		at += size
	}
	return encrypted, nil
}

// checksum is that of header with zeros for the checksum at the given place.
func checksum(header []byte, at int) uint32 {
	sum := crc32.Update(0, castagnoli, header[:at])
	sum = crc32.Update(sum, castagnoli, make([]byte, crc32.Size))
	return crc32.Update(sum, castagnoli, header[at+crc32.Size:])
}
