//! placeholder, replaced by branch edns
