package deflate

import (
	"bytes"

	"github.com/sioserver/sioserver/eio/internal/http1"
)

// scanner reads a list of extensions (RFC 6455 section 9.1) from its front.
type scanner struct{ rest []byte }

// end skips blanks and reports whether nothing is left.
func (s *scanner) end() bool {
	s.rest = bytes.TrimLeft(s.rest, " \t")
	return len(s.rest) == 0
}

// skip skips blanks and c, and reports whether c was there.
func (s *scanner) skip(c byte) bool {
	if s.end() || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// offer reads one extension with its parameters, up to the comma or the end.
func (s *scanner) offer() (o offer, err error) {
	name, err := s.token()
	o.declined = string(name) != extension
	for err == nil && s.skip(';') {
		var param, value []byte
		param, err = s.token()
		if err == nil && s.skip('=') {
			value, err = s.value()
		}
		o.param(param, value)
	}
	if err == nil && !s.end() && s.rest[0] != ',' {
		err = ErrOffers
	}
	return o, err
}

// token reads a token (RFC 9110 section 5.6.2): a view of the list.
func (s *scanner) token() ([]byte, error) {
	s.end()
	n := 0
	for n < len(s.rest) && http1.IsTokenChar(s.rest[n]) {
		n++
	}
	if n == 0 {
		return nil, ErrOffers
	}
	token := s.rest[:n]
	s.rest = s.rest[n:]
	return token, nil
}

// value reads a token, or a quoted string that holds one.
func (s *scanner) value() ([]byte, error) {
	if !s.skip('"') {
		return s.token()
	}
	var token []byte
	for i := 0; i < len(s.rest); i++ {
		c := s.rest[i]
		if c == '"' && token != nil {
			s.rest = s.rest[i+1:]
			return token, nil
		}
		if c == '\\' && i+1 < len(s.rest) {
			i++
			c = s.rest[i]
		}
		if !http1.IsTokenChar(c) {
			break
		}
		token = append(token, c)
	}
	return nil, ErrOffers
}
