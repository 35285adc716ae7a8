#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DateTimePattern;
impl DateTimePattern { pub const ISO: &'static str = "x"; pub fn new(_: &str)->crate::error::Result<Self>{Ok(Self)} pub fn parse(&self,_:&str)->crate::error::Result<u64>{Ok(0)} pub fn write(&self,_:u64,_:&mut Vec<u8>){} }
impl super::date::Date { pub fn to_days(self)->u32 {0} pub fn from_days(_:u32)->Option<Self>{None} }
impl super::date::DatePattern { pub fn parse_exact(&self,v:&str)->crate::error::Result<super::date::Date>{self.parse(v)} pub fn write(&self,_:super::date::Date,_:&mut Vec<u8>){} }
