// Package jsontype has the rules by which encoding/json reads Go types: the
// fields of a struct and their names, and the keys of a map as text. The
// encoders and decoders of binary values, which JSON does not have, follow
// them.
package jsontype
